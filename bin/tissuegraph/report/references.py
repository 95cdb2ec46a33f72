"""What a methods section cites, with its DOI."""

from __future__ import annotations

from html import escape

from tissuegraph.methods import METHODS

_ARXIV = "10.48550/arXiv."
# key -> (reference, DOI); what a method of this pipeline cites comes from tissuegraph.methods.
_REFERENCES = {
    "nextflow": (
        "Di Tommaso P, et al. Nextflow enables reproducible computational workflows. "
        "Nat Biotechnol 35, 316-319 (2017).",
        "10.1038/nbt.3820",
    ),
    "hvg": (
        "Stuart T, et al. Comprehensive integration of single-cell data. Cell 177, 1888-1902 (2019).",
        "10.1016/j.cell.2019.05.031",
    ),
    "leiden": (
        "Traag VA, Waltman L, van Eck NJ. From Louvain to Leiden: guaranteeing well-connected communities. "
        "Sci Rep 9, 5233 (2019).",
        "10.1038/s41598-019-41695-z",
    ),
    "anndata": (
        "Virshup I, et al. anndata: Access and store annotated data matrices. "
        "J Open Source Softw 9, 4371 (2024).",
        "10.21105/joss.04371",
    ),
    "mclust": (
        "Scrucca L, et al. mclust 5: clustering, classification and density estimation using Gaussian finite "
        "mixture models. R J 8, 289-317 (2016).",
        "10.32614/RJ-2016-021",
    ),
    "ari": ("Hubert L, Arabie P. Comparing partitions. J Classif 2, 193-218 (1985).", "10.1007/BF01908075"),
    "multiqc": (
        "Ewels P, et al. MultiQC: summarize analysis results for multiple tools and samples in a single "
        "report. Bioinformatics 32, 3047-3048 (2016).",
        "10.1093/bioinformatics/btw354",
    ),
}


def is_cited(key: str) -> bool:
    """Whether the list has an entry for something, such as a clusterer."""
    return key in METHODS or key in _REFERENCES


def reference(key: str) -> str:
    """One entry of the list of references as HTML; key: a method's name, or one of the list here."""
    text, doi = _of_method(key) if key in METHODS else _REFERENCES[key]
    return f'{escape(text)} <a href="https://doi.org/{doi}" target="_blank" rel="noopener">doi:{doi}</a>'


def _of_method(name: str) -> tuple[str, str]:
    """A preprint's citation is `arXiv 2512.16188`, any other one a DOI."""
    method = METHODS[name]
    archive, _, number = method.citation.partition(" ")
    doi = _ARXIV + number if archive == "arXiv" else method.citation
    return (
        f"{method.title}: {method.reference}" if method.reference else f"{method.title}. {method.citation}.",
        doi,
    )

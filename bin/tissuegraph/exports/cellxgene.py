"""CELLxGENE: an h5ad in the schema of CELLxGENE Discover (7.1), which its viewer and its validator read.

Counts lie in raw, log-normalised ones in X, genes go by Ensembl identifier, and facts of tissue and donor are
terms of ontologies. Those that no pipeline knows are taken from columns of obs with the schema's own names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.exports.final import FinalSlice
from tissuegraph.io.tables import as_flags

if TYPE_CHECKING:
    import anndata
    import pandas as pd

_TERM = "_ontology_term_id"
ASSAY, TISSUE, DISEASE = f"assay{_TERM}", f"tissue{_TERM}", f"disease{_TERM}"
_ASSAYS = {  # terms of EFO; a column of obs says more exactly which
    "visium": "EFO:0022857",  # Visium Spatial Gene Expression V1
    "visium_hd_cells": "EFO:0920058",  # Visium HD
    "slideseq": "EFO:0030062",  # Slide-seqV2
    "stereoseq": "EFO:0030005",  # spatial transcriptomics by high-throughput sequencing
    "merscope": "EFO:0008992",  # MERFISH
    "xenium": "EFO:0022955",  # imaging based spatial transcriptomics
    "cosmx": "EFO:0022955",
}
_VISIUM_HD = "EFO:0920058"
_VISIUM = {"EFO:0022857", "EFO:0022858", "EFO:0022859", "EFO:0022860", _VISIUM_HD}
_BEADS = {"EFO:0009920", "EFO:0030062", "EFO:0920002", "EFO:0920003"}
_ORGANISMS = {  # start of Ensembl identifiers -> term of NCBITaxon
    "ENSG": "9606", "ENSMUSG": "10090", "ENSRNOG": "10116", "ENSDARG": "7955", "FBgn": "7227",
    "WBGene": "6239", "ENSSSCG": "9823", "ENSMMUG": "9544", "ENSMFAG": "9541", "ENSCJAG": "9483",
    "ENSOCUG": "9986", "ENSPTRG": "9598", "ENSGGOG": "9595", "ENSMICG": "30608",
}  # fmt: skip
_HUMAN = "9606"
_FEW = 0.5  # share of genes with an identifier below which too much would be lost
_ETHNICITY = f"self_reported_ethnicity{_TERM}"
_EXAMPLES = {
    ASSAY: "a term of EFO, e.g. EFO:0022857",
    TISSUE: "a term of UBERON, e.g. UBERON:0000955",
    DISEASE: "a term of MONDO, or PATO:0000461 for none",
}
_UNKNOWN = {  # what the schema takes where nobody said
    f"cell_type{_TERM}": "unknown",
    f"sex{_TERM}": "unknown",
    f"development_stage{_TERM}": "unknown",
    _ETHNICITY: "unknown",
    "donor_id": "unknown",
    "suspension_type": "na",
    "tissue_type": "tissue",
}
_RESERVED = {  # columns that CELLxGENE writes itself, or has given up
    "assay", "cell_type", "development_stage", "disease", "ethnicity", f"ethnicity{_TERM}",
    "experimental_condition", "observation_joinid", "organism", f"organism{_TERM}", "perturbation_types",
    "self_reported_ethnicity", "sex", "tissue",
}  # fmt: skip
_RESERVED_OF_GENES = {
    "feature_name", "feature_reference", "feature_biotype", "feature_length", "feature_type",
    "feature_is_filtered",
}  # fmt: skip
_POSITIONS = (
    keys.ARRAY_ROW,
    keys.ARRAY_COL,
    "in_tissue",
)  # columns that Visium must have and others must not
_TISSUE_MAP = "X_tissue"  # obsm: positions with the second axis upwards, as the viewer draws


def write(final: FinalSlice, outdir: Path) -> None:
    """Write `<sample>.cellxgene.h5ad`; raises InputError that names what is missing."""
    if final.inferred:
        raise InputError("its expression was inferred from the image; CELLxGENE takes measured counts")
    facts = facts_of(final)
    data = final.read()
    image, factors = final.image(data)
    genes, identifiers, taxon = ensembl(data.var)
    made = _with_identifiers(data, genes, identifiers)
    assays = set(facts[ASSAY].loc[made.obs_names])
    visium = assays <= _VISIUM
    made.obs = _obs(made.obs, facts.loc[made.obs_names], human=taxon == _HUMAN, visium=visium)
    made.obsm = _obsm(made, keep_spatial=assays <= _VISIUM | _BEADS)
    colours = {f"{name}_colors": data.uns.get(f"{name}_colors") for name in made.obs}
    made.uns = {
        f"organism{_TERM}": f"NCBITaxon:{taxon}",
        "title": final.sample,
        "default_embedding": _TISSUE_MAP,
        **{name: list(found) for name, found in colours.items() if found is not None},
    }
    if assays <= _VISIUM | _BEADS:
        library = {final.sample: _library(image, factors)} if visium and image is not None else {}
        made.uns[keys.SPATIAL] = {"is_single": True, **library}
    made.write_h5ad(outdir / f"{final.sample}.cellxgene.h5ad", compression="gzip", compression_opts=1)


def facts_of(final: FinalSlice) -> pd.DataFrame:
    """What the schema wants to know of each spot, (N, ...) text, from obs, the platform, or unknown.

    Raises InputError that names the columns which only the user can fill.
    """
    import pandas as pd

    obs = final.obs
    platform = "visium_hd_cells" if final.binned and final.platform == "visium" else final.platform
    known: dict[str, str | None] = {ASSAY: _ASSAYS.get(platform), TISSUE: None, DISEASE: None, **_UNKNOWN}
    facts, missing = {}, []
    for name, otherwise in known.items():
        given = obs[name].astype(object) if name in obs else pd.Series(None, obs.index, dtype=object)
        if otherwise is None and given.isna().any():
            missing.append(f"{name} ({_EXAMPLES[name]})")
        facts[name] = given.where(given.notna(), otherwise).astype(str)
    if missing:
        raise InputError(
            f"CELLxGENE needs {' and '.join(missing)} of every spot; add such columns to obs of the final "
            f"h5ad and run bin/export.py on it, or give them in the .h5ad that is the slice's path"
        )
    return pd.DataFrame(facts, index=obs.index)


def ensembl(var: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, str]:
    """Genes (K,) of var that have an Ensembl identifier, the identifiers (K,), and the organism's term.

    Raises InputError where too few genes have one.
    """
    given = var[keys.GENE_ID].astype(str)
    plain = given.str.replace(r"^(ENS\w+)\.\d+$", r"\1", regex=True)  # without the version
    start = plain.str.extract(rf"^({'|'.join(_ORGANISMS)})\d+$", expand=False)
    n_known = int(start.notna().sum())
    if n_known < _FEW * len(var) or not n_known:
        raise InputError(
            f"CELLxGENE knows genes by their Ensembl identifiers, and {n_known} of {len(var)} genes have "
            f"one in var['gene_id'], e.g. {given.iloc[0]!r}; give the slice with identifiers of its genes"
        )
    organism = start.value_counts().index[0]
    chosen = np.flatnonzero((start == organism) & ~plain.duplicated())
    return chosen, plain.to_numpy(str)[chosen], _ORGANISMS[organism]


def _with_identifiers(data: anndata.AnnData, genes: np.ndarray, identifiers: np.ndarray) -> anndata.AnnData:
    """Log-normalised counts in X and counts in raw, of these genes (K,); a spot without any is left out."""
    import anndata
    import pandas as pd

    for name in [name for name in data.layers if name != keys.COUNTS]:
        del data.layers[name]
    spots = np.flatnonzero(data.layers[keys.COUNTS][:, genes].getnnz(axis=1))
    if len(spots) < data.n_obs or len(genes) < data.n_vars:
        data = data[spots, genes].copy()
    index = pd.Index(identifiers.astype(object))
    columns = [name for name in data.var if name not in _RESERVED_OF_GENES]
    var = data.var[columns].set_axis(index).assign(feature_is_filtered=False)
    made = anndata.AnnData(X=data.X, obs=data.obs, var=var, obsm=dict(data.obsm))
    made.raw = anndata.AnnData(data.layers[keys.COUNTS], obs=data.obs[[]], var=pd.DataFrame(index=index))
    return made


def _obs(obs: pd.DataFrame, facts: pd.DataFrame, *, human: bool, visium: bool) -> pd.DataFrame:
    """The slice's own columns beside those of the schema; `<name>_given` where CELLxGENE needs the name."""
    primary = obs.get("is_primary_data")
    own = [name for name in obs if name not in facts and name not in (*_POSITIONS, "is_primary_data")]
    found = obs[own].rename(
        columns={name: f"{name.lstrip('_')}_given" for name in own if name in _RESERVED or name[:2] == "__"}
    )
    for name in found.select_dtypes("category"):
        found[name] = found[name].cat.remove_unused_categories()
    for name in facts:
        found[name] = facts[name].astype("category")
    if not human:
        found[_ETHNICITY] = found[_ETHNICITY].cat.rename_categories({"unknown": "na"})
    found["is_primary_data"] = False if primary is None else _flags(primary)
    if visium and {keys.ARRAY_ROW, keys.ARRAY_COL} <= set(obs):
        for name in (keys.ARRAY_ROW, keys.ARRAY_COL):
            found[name] = obs[name].astype(int)
        found["in_tissue"] = 1
    return found


def _flags(column: pd.Series) -> np.ndarray:
    """A column of flags, numbers or text as bool (N,), false where missing; raises InputError."""
    try:
        return as_flags(column.astype(object).where(column.notna(), None), otherwise=False)
    except ValueError as error:
        raise InputError(f"CELLxGENE needs true or false in {column.name}, found {error}") from error


def _obsm(data: anndata.AnnData, *, keep_spatial: bool) -> dict[str, np.ndarray]:
    """Embeddings, and positions as the viewer draws them: the second axis upwards."""
    xy = np.asarray(data.obsm[keys.SPATIAL], dtype=np.float32)
    found = {_TISSUE_MAP: xy * np.array([1, -1], dtype=np.float32)}
    for name, values in data.obsm.items():
        usable = re.fullmatch(r"X_[a-zA-Z][a-zA-Z0-9_.-]*", name) and name.lower() != "x_spatial"
        if usable and name != keys.HISTOLOGY and values.shape[1] > 1 and np.isfinite(values).all():
            found[name] = np.asarray(values)
    return found | ({keys.SPATIAL: data.obsm[keys.SPATIAL]} if keep_spatial else {})


def _library(image: np.ndarray, factors: Mapping[str, float]) -> dict[str, Any]:
    wanted = ("spot_diameter_fullres", "tissue_hires_scalef")
    return {"images": {"hires": image}, "scalefactors": {name: float(factors[name]) for name in wanted}}

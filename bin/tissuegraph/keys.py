"""Names of the AnnData slots that the pipeline writes, in one place."""

from __future__ import annotations

import re

ANNOTATION = (
    "annotation"  # obs: manual labels, NaN where a spot is unlabelled; scores, and teaches where asked
)
ARRAY_ROW, ARRAY_COL = "array_row", "array_col"  # obs: lattice position where the platform has one
COUNTS = "counts"  # layers: raw counts
LOG1P = "log1p"  # uns: says that X is on a log scale, as scanpy writes it
GENE_ID, GENE_SYMBOL = "gene_id", "gene_symbol"  # var
IN_MODEL = "in_model"  # var: whether the networks saw the gene
DOMAIN = "domain"  # obs: the final answer
DOMAIN_JOINT = "domain_joint"  # obs: one clustering over all sections of the slice's group
DOMAIN_BASELINE = "domain_baseline"  # obs: smoothed PCA with the vote of mixtures
DOMAIN_PCA_KMEANS = "domain_pca_kmeans"  # obs: plain PCA with KMeans
CONFIDENCE = "domain_confidence"  # obs: share of seeds that agree, 0 to 1
REGION = "region"  # obs: annotated name that other sections taught, the likeliest one
REGION_PROBABILITY = "region_probability"  # obs: calibrated probability of that name, 0 to 1
REGION_NOVELTY = "region_novelty"  # obs: how unlike all that was taught; above 1: novel
REGION_CALL = "region_call"  # obs: the region where it may be said, else UNSURE
UNSURE = "unsure"
SECTION = "section"  # obs of a cohort: the slice that a spot is of
COHORT = "X_cohort"  # obsm of a cohort: components that all its sections share
SPATIAL = "spatial"  # obsm: x, y in full-resolution pixels; uns: images and scale factors
HISTOLOGY = "X_histology"  # obsm: image features of the tile around each spot
SPATIAL_GRAPH = "spatial_graph"  # obsp
FEATURE_GRAPH = "feature_graph"  # obsp
TISSUEGRAPH = "tissuegraph"  # uns: settings, versions, scores
UM_PER_PX = "um_per_px"  # uns['tissuegraph']: micrometres per full-resolution pixel, absent where unknown
UM_PER_PX_SOURCE = "um_per_px_source"  # uns['tissuegraph']: who said so, absent where unknown
PITCH_PX = "pitch_px"  # uns['tissuegraph']: median distance of neighbouring spots, in full-resolution pixels
HAS_COUNTS = "has_counts"  # uns['tissuegraph']: false where a slice was not sequenced, else absent
FLUORESCENCE = "fluorescence"  # uns['tissuegraph']: true where its images are no histology, else absent
MEASURED = "measured"  # layers: measured expression beside inferred one
CALIBRATED = "calibrated"  # layers: inferred expression with the spread of measured expression
REFERENCE_SIMILARITY = "reference_similarity"  # obs: mean cosine of a tile's features to its references
PREDICTION_SD = "prediction_sd"  # obs: spread of the prediction over networks, absent where there is one
VALIDATED_BY = "validated_by"  # var, uns['tissuegraph']: what was left out together to learn reliability
INFERRED = "inferred"  # uns['tissuegraph']: true where expression is inferred from the image, not measured
GENES_ASKED = (
    "genes_asked"  # uns['tissuegraph'] of inferred expression: as the user gave them, absent if none
)
GENES_LEFT_OUT = (
    "genes_left_out"  # beside it: those that are not inferred, as not all references measure them
)
PSEUDOTIME = "pseudotime"  # obs: diffusion pseudotime from the root, 0 to 1, NaN where not reached
DENOISED = "denoised"  # layers: mean of the decoder, of the genes in the model; no entry for the others
MARKERS = "markers"
CHARACTERISED = (  # uns: tables of what domains mean, as in the CSV files of these names
    MARKERS,
    "domain_means",
    "spatial_genes",
    "trajectory",
    "paga_edges",  # (scanpy keeps its own in uns["paga"])
    "interactions",
    "enrichment",
    "denoised",
)
TOTAL_COUNTS, N_GENES, PCT_MITO = "total_counts", "n_genes_by_counts", "pct_counts_mt"  # obs, as scanpy
KEEP, DROP_REASON = "keep", "drop_reason"  # the QC table: whether a spot stays, and the rules it breaks

N_CONTROLS = "n_controls"  # uns['tissuegraph']: features left out as controls, absent where there were none
CONTROL_COUNTS = "control_counts"  # obs: counts of negative controls and codes without a gene, left out of X


def is_own_column(name: str) -> bool:
    """Whether the pipeline writes, or may write, an obs column of this name."""
    own = {ANNOTATION, ARRAY_ROW, ARRAY_COL, SECTION, TOTAL_COUNTS, N_GENES, PCT_MITO, KEEP, DROP_REASON}
    own |= {PSEUDOTIME}
    return name in own or re.fullmatch(f"({DOMAIN}|{REGION})(_.*)?", name) is not None


def is_own_of_gene(name: str) -> bool:
    """Whether the pipeline writes a var column of this name."""
    return name in {GENE_ID, GENE_SYMBOL, IN_MODEL}


def is_own_array(name: str) -> bool:
    """Whether the pipeline writes, or may write, an array of obsm of this name."""
    return name in {SPATIAL, HISTOLOGY, COHORT, *map(embedding, ("baseline", "stmfg", "multist"))}


def domain(method: str) -> str:
    """obs column that holds the domains of one method, e.g. `domain_stmfg`."""
    return f"domain_{method}"


def embedding(method: str) -> str:
    """obsm key that holds the embedding of one method, e.g. `X_stmfg`."""
    return f"X_{method}"

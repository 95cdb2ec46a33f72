"""Every development slice is read and passes quality control with the default thresholds."""

import pytest

from tissuegraph.io.reading import read_slice
from tissuegraph.io.request import Request
from tissuegraph.records import FAILED, Record
from tissuegraph.slices.qc import Thresholds, judge, spot_metrics

# path, image, annotation, spots, labelled spots, most spots that may be dropped
SLICES = [
    ("dlpfc/151673/outs", None, "dlpfc/151673/annotation.csv", 3639, 3611, 0),
    ("dlpfc/151675.h5ad", "dlpfc/151675_lowres.png", "ground_truth", 3592, 3566, 0),
    ("her2st/A1.h5ad", None, "ground_truth", 346, 341, 1),
    ("her2st/B1.h5ad", None, "ground_truth", 295, 269, 2),
    ("her2st/G2.h5ad", None, "ground_truth", 467, 402, 0),
    ("her2st/A2.h5ad", None, None, 325, 0, 2),
    ("her2st/C3.h5ad", "her2st/C3_HE.jpg", None, 180, 0, 1),
    ("starmap/visual_cortex_BY3.h5ad", None, "ground_truth", 1207, 1207, 0),
    ("starmap/mpfc_BZ5.h5ad", None, "ground_truth", 1049, 1049, 0),
    ("mob/MOB1.h5ad", "mob/MOB1_HE.jpg", None, 379, 0, 0),
    ("fixtures/scanpy_visium_tiny/outs", None, None, 100, 0, 56),
]


@pytest.mark.realdata
@pytest.mark.parametrize(("path", "image", "annotation", "n_spots", "n_labelled", "n_dropped"), SLICES)
def test_development_slices_are_read_and_kept(
    real_data, path, image, annotation, n_spots, n_labelled, n_dropped
):
    table = annotation and annotation.endswith(".csv")
    warnings = []
    adata = read_slice(
        Request(
            path=real_data / path,
            sample="S",
            image=image and real_data / image,
            annotation=str(real_data / annotation) if table else annotation,
            warn=warnings.append,
        )
    )
    assert warnings == []
    assert adata.n_obs == n_spots
    assert ("annotation" in adata.obs and adata.obs["annotation"].notna().sum()) == n_labelled
    if image:
        assert adata.uns["spatial"]["S"]["images"]

    record = Record("S", "qc")
    metrics = spot_metrics(adata.X, adata.var["gene_symbol"].to_numpy())
    pitch = adata.uns["tissuegraph"]["pitch_px"]
    reasons = judge(
        record, adata.X, adata.obsm["spatial"], pitch, metrics, Thresholds(min_counts=10, min_genes=5)
    )
    assert record.status != FAILED
    assert (reasons != "").sum() == n_dropped

"""The same slice as nine platforms write it, in one samplesheet: one report, and one slice nine times."""

from __future__ import annotations

import anndata
import numpy as np
import pytest
import spatialdata
from helpers.platform_slices import GENES, WRITERS, cells, write_platforms
from sklearn.metrics import adjusted_rand_score

from .conftest import run_pipeline, write_sheet
from .faults import QUICK

pytestmark = [pytest.mark.pipeline, pytest.mark.long]
MICROMETRES = {"visium_hd": 0.4, "stereoseq": 0.5, "slideseq": 0.65}  # of a pixel; elsewhere 1, or unknown


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    launch = tmp_path_factory.mktemp("platforms")
    sheet = write_sheet(launch / "sheet.csv", write_platforms(launch, cells()))
    formats = "spatialdata,loupe,xenium_explorer,cellxgene"
    (launch / "quick.yaml").write_text(QUICK)  # (domains of the baseline are looked at)
    words = ("--n_seeds", "1", "--stmfg_preset", "quick.yaml", "--figures", "png", "--export", formats)
    run = run_pipeline(launch, "--input", str(sheet), *words)
    assert run.code == 0, run.output
    return run


@pytest.mark.parametrize("name", WRITERS)
def test_every_platform_goes_from_its_files_to_domains(finished, name):
    made = cells()
    row = finished.table()[name]
    assert row["status"] != "failed", row["reason"]
    slice_ = anndata.read_h5ad(finished.outdir / "slices" / name / f"{name}.h5ad")
    assert slice_.n_obs == len(made.xy)
    assert list(slice_.var["gene_symbol"]) == GENES
    counts = slice_.layers["counts"]
    assert counts.sum() == made.counts.sum()
    xy = slice_.obsm["spatial"]
    row_of = np.rint((xy[:, 1] - xy[:, 1].min()) / slice_.uns["tissuegraph"]["pitch_px"]).astype(int)
    column_of = np.rint((xy[:, 0] - xy[:, 0].min()) / slice_.uns["tissuegraph"]["pitch_px"]).astype(int)
    place = row_of * 16 + column_of
    np.testing.assert_array_equal(np.sort(place), np.arange(len(made.xy)))
    np.testing.assert_array_equal(np.asarray(counts.sum(axis=1)).ravel(), made.counts.sum(axis=1)[place])
    assert adjusted_rand_score(slice_.obs["domain_baseline"], made.band[place]) > 0.8
    if name in MICROMETRES:
        assert slice_.uns["tissuegraph"]["um_per_px"] == pytest.approx(MICROMETRES[name])


def test_what_the_platform_or_the_user_said_of_each_cell_comes_back(finished):
    def obs(name):
        return anndata.read_h5ad(finished.outdir / "slices" / name / f"{name}.h5ad").obs

    assert (obs("xenium")["cell_area"] == 60).all()
    assert (obs("cosmx")["control_counts"] == 1).all()
    assert (obs("merscope")["volume"] == 60).all()
    assert (obs("h5ad")["n_nuclei"] == 1).all()


@pytest.mark.parametrize("name", WRITERS)
def test_every_slice_is_opened_by_spatialdata_as_it_is_in_its_h5ad(finished, name):
    folder = finished.outdir / "slices" / name
    slice_ = anndata.read_h5ad(folder / f"{name}.h5ad")
    store = spatialdata.read_zarr(folder / f"{name}.spatialdata.zarr")
    table, spots = store.tables["table"], store.shapes[f"{name}_spots"]
    assert (table.layers["counts"] != slice_.layers["counts"]).nnz == 0
    assert table.obs["domain"].tolist() == slice_.obs["domain"].tolist()
    centres = spots.geometry.centroid
    np.testing.assert_allclose(np.column_stack([centres.x, centres.y]), slice_.obsm["spatial"])
    assert list(spots.index) == list(slice_.obs_names)


def test_tools_of_one_platform_get_files_of_that_platform(finished):
    written = {
        name: {path.name for path in (finished.outdir / "slices" / name).iterdir()} for name in WRITERS
    }
    assert "xenium.xenium_explorer.domain.csv" in written["xenium"]
    assert not any(
        "xenium_explorer" in file for name in WRITERS if name != "xenium" for file in written[name]
    )
    assert "visium_hd.loupe.domain.csv" in written["visium_hd"]
    assert not any("loupe" in file for file in written["xenium"] | written["cosmx"])


def test_what_cellxgene_has_to_be_told_is_a_warning_and_the_slice_goes_on(finished):
    row = finished.table()["cosmx"]
    assert row["status"] == "warned"
    assert "export: cellxgene left out: CELLxGENE needs tissue_ontology_term_id" in row["reason"]


def test_one_report_holds_all_of_them(finished):
    report = (finished.outdir / "multiqc" / "multiqc_report.html").read_text()
    assert all(name in report for name in WRITERS)

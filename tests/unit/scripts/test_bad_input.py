"""What a user sees of bad input: the scripts, as the engine runs them."""

import json
import subprocess
import sys

import numpy as np
import pytest
from helpers.imaging_tiny import write_cosmx, write_merscope, write_morphology, write_xenium
from helpers.scripts import run_script
from helpers.tiny import COUNTS, tiny_anndata, write_h5ad, write_outs
from PIL import Image

from tissuegraph.io.stored import read_stored


@pytest.fixture
def ingest(tmp_path):
    def run(path, *options):
        words = ["--sample", "S", "--path", path, "--slice", "slice.h5ad", "--record", "i.json", *options]
        done = run_script("ingest", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return json.loads((tmp_path / "i.json").read_text()), done

    return run


def sixty_spots(path):
    """A slice that passes: 60 spots on a line, 30 counts each."""
    import anndata
    import pandas as pd

    adata = anndata.AnnData(
        X=np.full((60, 6), 10, dtype=np.float32),
        obs=pd.DataFrame(index=[f"s{i}" for i in range(60)]),
        var=pd.DataFrame(index=["A", "B", "C", "D", "E", "MT-F"]),
        obsm={"spatial": np.stack([np.arange(60.0), np.zeros(60)], axis=1)},
    )
    return write_h5ad(path, adata)


@pytest.mark.parametrize(
    ("platform", "write"), [("xenium", write_xenium), ("cosmx", write_cosmx), ("merscope", write_merscope)]
)
def test_a_directory_of_an_imaging_platform_becomes_a_slice_in_micrometres(ingest, tmp_path, platform, write):
    record, _ = ingest(write(tmp_path / "run"))
    found = record["metrics"]
    assert (found["platform"], found["um_per_px"], found["n_spots"], found["n_genes"]) == (platform, 1, 4, 3)
    assert record["status"] == "passed"
    assert found["n_controls"] >= 2


@pytest.mark.parametrize("with_histology", [False, True])
def test_a_stain_is_no_image_for_the_steps_that_read_histology(ingest, tmp_path, with_histology):
    run = write_xenium(tmp_path / "run")
    write_morphology(run / "morphology_mip.ome.tif", np.arange(256 * 256, dtype=np.uint16).reshape(256, 256))
    Image.new("RGB", (60, 50), (200, 120, 160)).save(tmp_path / "he.png")
    record, _ = ingest(run, *(["--image", tmp_path / "he.png"] if with_histology else []))
    assert record["metrics"]["images"] == ["hires"]  # the picture of the report
    assert record["metrics"]["has_image"] is with_histology


def test_a_good_slice_passes_ingest_and_quality_control(ingest, tmp_path):
    record, _ = ingest(sixty_spots(tmp_path / "a.h5ad"))
    assert (record["status"], record["metrics"]["n_spots"]) == ("passed", 60)
    options = ["--spots", "spots.csv.gz", "--record", "q.json"]
    done = run_script("qc", "--sample", "S", "--slice", "slice.h5ad", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "q.json").read_text())
    assert (record["status"], record["metrics"]["n_spots"]) == ("passed", 60)
    assert (tmp_path / "spots.csv.gz").is_file()


def test_the_scale_of_the_samplesheet_reaches_record_and_later_steps_with_a_warning_where_it_is_another(
    ingest, tmp_path
):
    (tmp_path / "row.json").write_text('{"um_per_px": 0.5}')
    record, _ = ingest(write_outs(tmp_path / "outs"), "--row", "row.json")
    assert (record["metrics"]["um_per_px"], record["metrics"]["um_per_px_source"]) == (0.5, "column")
    assert (record["status"], len(record["reasons"])) == ("warned", 1)
    assert "between sources: column 0.5, spot lattice 1; that of the column is taken" in record["reasons"][0]
    assert read_stored(tmp_path / "slice.h5ad").um_per_px == 0.5


def test_a_slice_that_cannot_be_read_leaves_one_line_and_no_file(ingest, tmp_path):
    record, done = ingest(write_h5ad(tmp_path / "a.h5ad", tiny_anndata(np.log1p(COUNTS))))
    assert record["status"] == "failed"
    assert len(record["reasons"]) == 1
    assert done.stderr.splitlines() == [f"S: {record['reasons'][0]}"]
    assert not (tmp_path / "slice.h5ad").exists()


def test_a_missing_file_is_a_failed_slice(ingest):
    record, _ = ingest("nowhere.h5ad")
    assert (record["status"], record["reasons"]) == ("failed", ["nowhere.h5ad does not exist"])


def test_what_is_usual_travels_in_the_record_as_a_note(ingest, tmp_path):
    record, _ = ingest(write_outs(tmp_path / "outs"))
    assert record["status"] == "passed"
    assert record["notes"] == ["1 gene names were not unique and got a suffix, e.g. GFAP-1"]


def test_a_slice_with_too_few_spots_fails_quality_control_with_its_numbers(ingest, tmp_path):
    ingest(write_outs(tmp_path / "outs"))
    options = ["--spots", "spots.csv.gz", "--record", "q.json"]
    done = run_script("qc", "--sample", "S", "--slice", "slice.h5ad", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "q.json").read_text())
    assert record["status"] == "failed"
    assert record["reasons"][0].startswith("3 spots passed quality control, at least 20 are needed")
    assert record["metrics"]["n_spots_raw"] == 3  # the report shows what there was
    assert not (tmp_path / "spots.csv.gz").exists()


def test_scripts_start_without_the_heavy_libraries(root):
    code = (
        "import sys; sys.path.insert(0, 'bin'); import tissuegraph.slices.qc, tissuegraph.io.stored; "
        "import tissuegraph.sheet.check, tissuegraph.sheet.parameters; "
        "heavy = {'anndata', 'pandas', 'scanpy', 'torch', 'sklearn'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr

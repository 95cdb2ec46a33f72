"""Everything that a run reads or publishes may lie in a bucket.

The engine's own clients of buckets are not here: a file system stands in that is as strict about text, files
and paths of two file systems.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from helpers.engine import is_bundled, with_store

from .conftest import ROOT, Run, run_pipeline
from .faults import trained_for

pytestmark = [
    pytest.mark.pipeline,
    pytest.mark.skipif(not is_bundled(), reason="the stand-in is given to the bundled engine only"),
]
ROWS = (
    "sample,path,image,annotation,n_domains,group,role",
    "beside,../slices/beside.h5ad,,layers.csv,3,g,",
    "outs,store://bucket/slices/my outs/,store://bucket/slices/image.tif,,3,g,target",
    "served,WEB/my%20slice.h5ad,,,3,g,",
)


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """Address of a server on this machine with a sheet and what it names; it lists no directories."""
    folder = tmp_path_factory.mktemp("web")
    shutil.copy(ROOT / "tests" / "data" / "patchy.h5ad", folder / "my slice.h5ad")
    (folder / "sheet.csv").write_text("sample,path,n_domains\na,my%20slice.h5ad,3\n")
    (folder / "mine.yaml").write_text(trained_for(3))
    (folder / "model").mkdir()
    for name in ("model.json", "model.safetensors"):
        (folder / "model" / name).write_text("{}")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    """Files only, and nothing said about them."""

    def log_message(self, *_words: object) -> None:
        pass

    def list_directory(self, _path: object) -> None:
        self.send_error(404)


@pytest.fixture(scope="module")
def store(tmp_path_factory, web):
    """Variables for the engine and the bucket, which holds a sheet and all that it and the options name."""
    folder = tmp_path_factory.mktemp("engine")
    variables = with_store(folder)
    bucket = folder / "store" / "bucket"
    texts = {
        "sheets/sheet.csv": "\n".join(ROWS).replace("WEB", web) + "\n",
        "sheets/one.csv": "sample,path\na,../slices/beside.h5ad\n",
        "sheets/layers.csv": "barcode,layer\n",
        "slices/my outs/filtered_feature_bc_matrix.h5": "counts",
        "slices/my outs/spatial/scalefactors_json.json": "{}",
        "slices/image.tif": "image",
        "mine.yaml": trained_for(3),
        "genes.txt": "MBP\n",
        "look.yml": "title: ours\n",
        "stain.png": "stain",
        "weights/model.safetensors": "weights",
        **{f"{name}/model.safetensors": "weights" for name in ("regions", "expression")},
        "regions/model.json": "{}",
        "expression/model.json": json.dumps({"kind": "expression", "images": {"encoder": "handcrafted"}}),
    }
    for name, text in texts.items():
        (bucket / name).parent.mkdir(parents=True, exist_ok=True)
        (bucket / name).write_text(text)
    shutil.copy(ROOT / "tests" / "data" / "patchy.h5ad", bucket / "slices" / "beside.h5ad")
    return variables, bucket


OPTIONS = (
    "--input", "store://bucket/sheets/sheet.csv", "--outdir", "store://bucket/my results/",
    "--stmfg_preset", "store://bucket/mine.yaml", "--encoder_weights", "store://bucket/weights/",
    "--stain_reference", "store://bucket/stain.png", "--multiqc_config", "store://bucket/look.yml",
    "--region_model", "store://bucket/regions/", "--infer_expression",
    "--reference_model", "store://bucket/expression/", "--genes", "store://bucket/genes.txt",
)  # fmt: skip


def run_on_store(launch: Path, store, *arguments: str, **more) -> Run:
    """A stub run from `launch`."""
    return run_pipeline(launch, "-stub", *arguments, environment=store[0], **more)


@pytest.fixture(scope="module")
def launched(tmp_path_factory, store) -> tuple[Path, Run]:
    """The directory of a run from and into the bucket, which has results of an earlier one, and the run."""
    launch = tmp_path_factory.mktemp("launched")
    old = store[1] / "my results" / "slices" / "former"
    old.mkdir(parents=True)
    (old / "former.h5ad").write_text("former")
    run = run_on_store(launch, store, *OPTIONS, recorded=True)
    assert run.code == 0, run.output
    return launch, run


def test_a_run_reads_and_publishes_in_a_bucket(launched, store):
    launch, run = launched
    results = store[1] / "my results"
    assert (results / "slices" / "former" / "OUTDATED.txt").is_file()
    assert "store://bucket/my%20results/slices/former: results of an earlier run" in run.output
    assert "Table:   store://bucket/my%20results/slices.csv" in run.output
    for sample in ("outs", "beside", "served"):
        assert (results / "slices" / sample / f"{sample}.h5ad").is_file()
    assert (results / "multiqc" / "multiqc_report.html").is_file()
    given = json.loads((results / "pipeline_info" / "params.json").read_text())
    assert given["input"] == "store://bucket/sheets/sheet.csv"
    assert not [path for path in launch.rglob("*") if re.search("store:?$", path.name)]
    trace = (results / "pipeline_info" / "execution_trace.txt").read_text()
    assert {line.split("\t")[4] for line in trace.splitlines()[1:]} == {"COMPLETED"}


@pytest.mark.long
def test_a_next_run_in_a_bucket_resumes_but_for_a_slice_whose_file_there_changed(launched, store):
    (store[1] / "slices" / "my outs" / "filtered_feature_bc_matrix.h5").write_text("others")
    changed = run_on_store(launched[0], store, *OPTIONS, "-resume")
    assert changed.code == 0, changed.output
    again = [name for name, status in changed.statuses().items() if status != "CACHED"]
    assert [name for name in again if "INGEST" in name] == ["INGEST (outs)"]


@pytest.mark.long
def test_sheet_slices_and_presets_are_read_over_http(tmp_path, web, opening):
    """Up to where slices would be touched; the run above takes one of its slices from the server."""
    words = ("--input", f"{web}/sheet.csv", "--stmfg_preset", f"{web}/mine.yaml")
    run = run_pipeline(tmp_path, *words, project=opening)
    assert run.code == 0, run.output
    (asked,) = tmp_path.glob("work/*/*/run.json")
    assert json.loads(asked.read_text())["methods"][0]["train"]["optimiser"]["epochs"] == 3


def test_what_is_neither_in_the_bucket_nor_on_the_server_is_named_with_its_whole_address(
    tmp_path, store, web, opening
):
    rows = ("sample,path", "a,store://bucket/no/outs", "b,gone.h5ad", f"c,{web}/gone.h5ad")
    (store[1] / "sheets" / "wrong.csv").write_text("\n".join(rows) + "\n")
    run = run_on_store(tmp_path, store, "--input", "store://bucket/sheets/wrong.csv", project=opening)
    assert run.code != 0
    assert "samplesheet row 2, column path: 'store://bucket/no/outs' - expected an existing" in run.output
    assert "samplesheet row 3, column path: " in run.output
    assert f"samplesheet row 4, column path: '{web}/gone.h5ad' - expected an existing" in run.output
    assert "Unexpected error" not in run.output


@pytest.mark.long
def test_a_model_has_to_be_a_whole_directory_and_a_server_has_none(tmp_path, store, web, opening):
    words = ("--input", "store://bucket/sheets/sheet.csv", "--infer_expression")
    models = ("--reference_model", "store://bucket/slices/", "--region_model", f"{web}/model")
    run = run_on_store(tmp_path, store, *words, *models, project=opening)
    assert run.code != 0
    assert "it has no model.json and no model.safetensors" in run.output
    assert f"parameter --region_model: '{web}/model' - expected a directory" in run.output

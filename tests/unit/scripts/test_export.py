"""export.py: a final h5ad goes in, files of other tools come out, and the record says which."""

from helpers.final_slices import final_data
from helpers.scripts import invoke_script

from tissuegraph.records import read_record


def test_the_script_writes_the_files_and_says_which(tmp_path):
    final_data().write_h5ad(tmp_path / "S.h5ad")
    words = ["--slice", tmp_path / "S.h5ad", "--formats", "loupe,cellxgene", "--outdir", tmp_path / "out"]
    result = invoke_script("export", "--sample", "S", *words, "--record", tmp_path / "export.json")
    assert result.exit_code == 0, result.output
    record = read_record(tmp_path / "export.json")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == record.metrics["files"]["loupe"]
    assert record.reasons[0].startswith("cellxgene left out: CELLxGENE needs tissue_ontology_term_id")


def test_a_damaged_slice_fails_the_step_in_one_line(tmp_path):
    (tmp_path / "S.h5ad").write_bytes(b"no h5ad")
    words = ["--slice", tmp_path / "S.h5ad", "--formats", "loupe", "--outdir", tmp_path / "out"]
    assert invoke_script("export", "--sample", "S", *words, "--record", tmp_path / "r.json").exit_code == 0
    record = read_record(tmp_path / "r.json")
    assert record.status == "warned"
    assert "S.h5ad" in record.reasons[0]
    assert not any((tmp_path / "out").iterdir())


def test_a_format_that_is_none_is_an_error_of_the_command_line(tmp_path):
    (tmp_path / "S.h5ad").write_bytes(b"not looked at")
    words = ["--slice", tmp_path / "S.h5ad", "--formats", "loupe, zarr", "--outdir", tmp_path / "out"]
    result = invoke_script("export", "--sample", "S", *words, "--record", tmp_path / "export.json")
    assert result.exit_code == 2
    assert (
        "expected spatialdata or loupe or xenium_explorer or cellxgene, or several joined by commas, got"
        in (" ".join(result.output.replace("│", " ").split()))
    )
    assert not (tmp_path / "export.json").exists()

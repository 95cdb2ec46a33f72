"""explore.py: one page from the final h5ad; a file that is none of ours costs the page, not the slice."""

from helpers.explored_slices import final_slice, write_final
from helpers.scripts import invoke_script, run_script

from tissuegraph.records import FAILED, read_record


def words(folder):
    return (
        "--sample",
        "s",
        "--h5ad",
        folder / "s.h5ad",
        "--page",
        folder / "s.html",
        "--record",
        folder / "r.json",
    )


def test_a_page_is_written_and_the_record_names_it(tmp_path):
    write_final(tmp_path / "s.h5ad")
    done = run_script("explore", *words(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "s.html").read_text().startswith("<!doctype html>")
    assert read_record(tmp_path / "r.json").metrics["page"] == "s.html"


def test_an_h5ad_without_domains_is_a_failed_record_and_no_page(tmp_path):
    data = final_slice()
    del data.obs["domain"]
    write_final(tmp_path / "s.h5ad", data)
    result = invoke_script("explore", *words(tmp_path))
    assert result.exit_code == 0
    record = read_record(tmp_path / "r.json")
    assert record.status == FAILED
    assert "has no obs['domain']" in record.reasons[0]
    assert not (tmp_path / "s.html").exists()

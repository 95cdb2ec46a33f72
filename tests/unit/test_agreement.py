"""The agreement with the last release: in figures, in words, and that of this version."""

from __future__ import annotations

import json

import anndata
import numpy as np
import pytest
from helpers.agreement import answers_of, compare, sentence

from tissuegraph import __version__


@pytest.fixture
def results(tmp_path):
    """A slice of 20 spots that was held out, and one that was not."""
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        folder = tmp_path / "slices" / name
        folder.mkdir(parents=True)
        genes = [f"G{k}" for k in (7, 1, 2, 3, 4, 5)]
        slice_ = anndata.AnnData(rng.random((20, 6)).astype(np.float32))
        slice_.var_names = genes
        slice_.obs["domain_stmfg"] = (np.arange(20) // 2 + 1).astype(str)
        slice_.obs["domain_baseline"] = "12"
        slice_.write_h5ad(folder / f"{name}.h5ad")
        if name == "one":
            slice_.X = np.tile(np.arange(6.0), (20, 1)) + np.arange(20.0)[:, None] / 10
            slice_.write_h5ad(folder / "one.inferred.h5ad")
    return answers_of(tmp_path / "slices")


def test_answers_are_one_letter_per_spot_and_a_few_inferred_values(results):
    assert results["one"]["labels"] == {"stmfg": "112233445566778899aa", "baseline": "c" * 20}
    # genes by name, spots 0 and 10; G7 is the last by name and left out
    values = [[float(column), column + 1.0] for column in (1, 2, 3, 4, 5)]
    assert results["one"]["inferred"] == {"genes": ["G1", "G2", "G3", "G4", "G5"], "values": values}
    assert "inferred" not in results["two"]


def test_equal_answers_agree_whatever_the_numbers_of_their_domains(results):
    renumbered = json.loads(json.dumps(results).replace("112233445566778899aa", "aa2233445566778899bb"))
    found = compare(results, renumbered)
    assert found["one"] == {"ari": {"stmfg": 1.0, "baseline": 1.0}, "max_difference": 0.0}
    assert found["two"]["max_difference"] is None
    expected = "the same domains on 2 of 2; inferred expression differs by 0.0000 at most."
    assert (
        sentence("0.2.0", "0.1.0", found) == f"Version 0.2.0 on 2 generated slices, beside 0.1.0: {expected}"
    )


def test_what_differs_is_told_with_the_least_agreement_and_the_largest_difference(results):
    other = json.loads(json.dumps(results))
    other["one"]["labels"]["stmfg"] = "112233445566778899a9"
    other["one"]["inferred"]["values"][2][1] += 0.25
    del other["two"]["labels"]["stmfg"]
    other["two"]["labels"]["baseline"] = "c" * 19
    found = compare(results, other)
    assert 0.8 < found["one"]["ari"]["stmfg"] < 1
    assert found["two"]["ari"] == {"stmfg": None, "baseline": None}
    told = sentence("0.2.0", "0.1.0", found)
    assert "the same domains on 0 of 2, ARI 0.9" in told or "ARI 0.8" in told
    assert "at least (stmfg, one), not comparable for 2 of 4 labellings" in told
    assert told.endswith("inferred expression differs by 0.2500 at most.")


def test_the_agreement_in_receipts_is_that_of_this_version_and_its_sentence_that_of_its_figures(root):
    told = json.loads((root / "assets" / "agreement.json").read_text())
    reference = json.loads((root / "tests" / "data" / "agreement.json").read_text())
    assert told["version"] == __version__, "run make agreement"
    assert told["sentence"] == sentence(told["version"], told["reference"]["version"], told["slices"])
    assert set(told["slices"]) == set(reference["slices"])

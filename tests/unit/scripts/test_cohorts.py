"""cohort.py and match.py: from the sections of a group to shared components and equal numbers."""

import json
import shutil

import numpy as np
import pytest
from helpers.scripts import invoke_script, run_script
from helpers.tiny import write_halves

from tissuegraph.records import read_record


@pytest.fixture
def group(tmp_path):
    """Two sections of two halves, staged as the engine stages them."""
    for number in ("1", "2"):
        for kind in ("slices", "spots"):
            (tmp_path / kind / number).mkdir(parents=True)
        half = write_halves(tmp_path)
        shutil.move(tmp_path / "slice.h5ad", tmp_path / "slices" / number / "slice.h5ad")
        shutil.move(tmp_path / "spots.csv.gz", tmp_path / "spots" / number / "spots.csv.gz")
    return tmp_path, half


def cohort_words(folder):
    words = [
        "--sample",
        "group:a",
        "--sections",
        "one,two.2",
        "--slices",
        folder / "slices",
        "--n-domains",
        2,
    ]
    words += ["--spots", folder / "spots", "--n-seeds", 2, "--outdir", folder / "components"]
    return [*words, "--record", folder / "cohort.json"]


def match_words(folder, *more):
    words = ["--sample", "group:a", "--members", folder / "members.json", "--domains", folder / "domains"]
    words += ["--components", folder / "components", "--methods", "stmfg", "--outdir", folder / "numbers"]
    return [*words, "--record", folder / "match.json", *more]


def write_domains(folder, half):
    """What baseline.py and cluster.py wrote of both sections; the second calls the halves the other way."""
    members = []
    for section, labels in (("one", half), ("two.2", 1 - half)):
        for result in ("baseline", "stmfg"):
            members.append([section, result])
            place = folder / "domains" / str(len(members))
            place.mkdir(parents=True)
            arrays = {"baseline": labels, "pca_kmeans": labels} if result == "baseline" else {}
            np.savez(place / "any.npz", domain=labels, untrained=labels, **arrays)
    (folder / "members.json").write_text(json.dumps(members))


def test_sections_share_components_and_joint_domains(group):
    folder, half = group
    done = run_script("cohort", *cohort_words(folder), cwd=folder)
    assert done.returncode == 0, done.stderr
    joint = []
    for name in ("one", "two.2"):
        with np.load(folder / "components" / f"{name}.components.npz") as stored:
            assert stored["components"].shape[0] == len(half)
            joint.append(stored["joint"])
    np.testing.assert_array_equal(*joint)  # the two sections are copies
    assert max((joint[0] == half).mean(), (joint[0] != half).mean()) > 0.95
    metrics = read_record(folder / "cohort.json").metrics
    assert metrics["sections"] == ["one", "two.2"]
    assert (metrics["verdict"]["kind"], metrics["verdict"]["joint_refused"]) == ("shared", False)


def test_a_section_that_cannot_be_read_leaves_the_group(group):
    folder, _ = group
    (folder / "slices" / "2" / "slice.h5ad").write_bytes(b"")
    assert invoke_script("cohort", *cohort_words(folder)).exit_code == 0
    record = read_record(folder / "cohort.json")
    assert record.status == "failed"
    assert "two.2 has left the group" in record.reasons[0]
    assert "at least two sections" in record.reasons[1]
    assert not list((folder / "components").glob("*.npz"))


def test_equal_tissue_gets_equal_numbers_in_every_result(group):
    folder, half = group
    assert invoke_script("cohort", *cohort_words(folder)).exit_code == 0
    write_domains(folder, half)
    done = run_script("match", *match_words(folder), cwd=folder)
    assert done.returncode == 0, done.stderr
    one, two = (json.loads((folder / "numbers" / f"{n}.numbers.json").read_text()) for n in ("one", "two.2"))
    assert sorted(one["stmfg"]) == [1, 2]
    for result in ("stmfg", "stmfg_untrained", "baseline", "pca_kmeans"):
        assert one[result] == one["stmfg"]
        assert two[result] == one["stmfg"][::-1]
    assert read_record(folder / "match.json").metrics["results"]["stmfg"]["alone"] == []


def test_one_encoder_over_all_sections_finds_their_halves_and_gives_the_numbers(group):
    folder, half = group
    assert invoke_script("cohort", *cohort_words(folder)).exit_code == 0
    words = ["--sample", "group:a", "--sections", "one,two.2", "--slices", folder / "slices"]
    words += ["--spots", folder / "spots", "--components", folder / "components", "--n-domains", 2]
    words += ["--n-seeds", 1, "--set", "optimiser.epochs=3", "--device", "cpu"]
    done = invoke_script("join", *words, "--outdir", folder / "joint", "--record", folder / "join.json")
    assert done.exit_code == 0, done.output
    found = {}
    for name in ("one", "two.2"):
        path = folder / "joint" / f"{name}.joint_stmfg.npz"
        with np.load(path) as stored:
            found[name] = stored["joint"]
        path.rename(folder / "components" / path.name)
    np.testing.assert_array_equal(found["one"], found["two.2"])  # the two sections are copies
    assert max((found["one"] == half).mean(), (found["one"] != half).mean()) > 0.95
    assert read_record(folder / "join.json").metrics["verdict"]["joint_refused"] is False
    write_domains(folder, half)
    assert invoke_script("match", *match_words(folder, "--joint")).exit_code == 0
    numbers = json.loads((folder / "numbers" / "two.2.numbers.json").read_text())
    assert numbers["joint_stmfg"] == [1, 2]  # the first in the order of trust
    own = np.array(numbers["joint"])[np.load(folder / "components" / "two.2.components.npz")["joint"]]
    assert ((found["two.2"] + 1) == own).mean() > 0.95


def test_joint_domains_give_the_numbers_where_they_are_asked_for(group):
    folder, half = group
    assert invoke_script("cohort", *cohort_words(folder)).exit_code == 0
    write_domains(folder, half)
    assert invoke_script("match", *match_words(folder, "--joint")).exit_code == 0
    found = json.loads((folder / "numbers" / "one.numbers.json").read_text())
    assert found["joint"] == [1, 2]
    assert read_record(folder / "match.json").metrics["joint"] is True


def test_a_group_of_which_one_section_has_domains_is_no_group(group):
    folder, half = group
    assert invoke_script("cohort", *cohort_words(folder)).exit_code == 0
    write_domains(folder, half)
    (folder / "members.json").write_text('[["one", "baseline"], ["one", "stmfg"]]')
    assert invoke_script("match", *match_words(folder)).exit_code == 0
    record = read_record(folder / "match.json")
    assert record.status == "failed"
    assert "at least two sections" in record.reasons[0]

"""teach.py and name_regions.py: labels of teachers go in, labels of targets never do."""

import json

import anndata
import numpy as np
import pandas as pd
import pytest
from helpers.scripts import invoke_script
from helpers.sections import labels_of, section

from tissuegraph.histology.features import ImageFeatures
from tissuegraph.io.reading import finish, read_raw
from tissuegraph.io.request import Request
from tissuegraph.records import read_record
from tissuegraph.slices.qc import spot_metrics, write_spots

QUICK = ("--set", "optimiser.epochs=5")


def write_section(folder, seed, labels):
    """Canonical slice and table of spots of a section, as ingest and qc leave them."""
    folder.mkdir(parents=True)
    stored = section(seed)
    raw = anndata.AnnData(
        stored.counts, pd.DataFrame(index=stored.barcodes), pd.DataFrame(index=stored.genes)
    )
    raw.obsm["spatial"] = stored.xy
    if labels is not None:
        raw.obs["region"] = pd.Categorical(labels)
    raw.write_h5ad(folder / "raw.h5ad")
    request = Request(
        sample=folder.name, path=folder / "raw.h5ad", annotation="region" if labels is not None else None
    )
    canonical = finish(read_raw(request), request)
    canonical.write_h5ad(folder / "slice.h5ad")
    metrics = spot_metrics(stored.counts, stored.symbols, stored.gene_ids, stored.genes)
    kept = np.full(len(stored.barcodes), "", dtype=object)
    write_spots(folder / "spots.csv.gz", stored.barcodes, metrics, kept)
    return folder


def write_features(folder, seed):
    """Image features of a section that show its regions."""
    labels, nothing = labels_of(), np.zeros((0, 2, 2, 3), np.uint8)
    shown = np.unique(labels.astype(str), return_inverse=True)[1][:, None] == np.arange(3)
    ImageFeatures(
        features=shown + np.random.default_rng(seed).normal(0, 0.2, shown.shape), names=["a", "b", "c"],
        background=np.zeros(len(labels)), encoder="test", tile_um=100, tile_px=10, side_px=10, shown=[],
        tiles_before=nothing, tiles_after=nothing, overview_before=np.zeros((2, 2, 3)),
        overview_after=np.zeros((2, 2, 3)), overview_matrix=np.eye(3),
    ).save(folder / "features.npz")  # fmt: skip
    return ["--features", folder / "features.npz"]


def teach(folder, *teachers, patients=None):
    whose = patients or [None] * len(teachers)
    members = [{"name": t.name, "patient": p} for t, p in zip(teachers, whose, strict=True)]
    (folder / "members.json").write_text(json.dumps(members))
    words = ["--sample", "group:a", "--members", folder / "members.json", *QUICK, "--device", "cpu"]
    for each in teachers:
        words += ["--slice", each / "slice.h5ad", "--spots", each / "spots.csv.gz"]
        words += ["--features", each / "features.npz"] if (each / "features.npz").exists() else []
    result = invoke_script("teach", *words, "--model", folder / "model", "--record", folder / "teach.json")
    assert result.exit_code == 0, result.output
    return read_record(folder / "teach.json")


def name_regions(folder, target, *options):
    words = ["--sample", target.name, "--slice", target / "slice.h5ad", "--spots", target / "spots.csv.gz"]
    words += ["--model", folder / "model", "--device", "cpu", "--regions", folder / f"{target.name}.npz"]
    result = invoke_script("name_regions", *words, *options, "--record", folder / f"{target.name}.json")
    assert result.exit_code == 0, result.output
    record = read_record(folder / f"{target.name}.json")
    with np.load(folder / f"{target.name}.npz") as stored:
        return {name: stored[name] for name in stored.files}, record


def test_a_targets_labels_scrambled_or_removed_change_no_bit_of_what_it_is_named(tmp_path):
    rng = np.random.default_rng(0)
    record = teach(tmp_path, write_section(tmp_path / "t", 0, labels_of()))
    assert record.metrics["guard"] == "not checked"
    kinds = {"honest": labels_of(), "scrambled": rng.permutation(labels_of()), "bare": None}
    found = [name_regions(tmp_path, write_section(tmp_path / n, 1, kinds[n]))[0] for n in kinds]
    for other in found[1:]:
        for name, values in found[0].items():
            np.testing.assert_array_equal(values, other[name])
    named = found[0]["names"][found[0]["region"]]
    assert (named == labels_of()).mean() > 0.9


def test_the_record_tells_who_taught_and_what_left_out_teachers_said(tmp_path):
    teachers = [write_section(tmp_path / name, seed, labels_of()) for seed, name in enumerate("ab")]
    record = teach(tmp_path, *teachers, patients=["p1", "p2"])
    assert record.status == "passed"
    assert record.metrics["teachers"] == ["a", "b"]
    assert record.metrics["left_out"]["across"]["n_sections"] == 2
    _, named = name_regions(tmp_path, write_section(tmp_path / "c", 5, None))
    assert named.metrics["guard"] == record.metrics["guard"] == "shown"
    assert named.metrics["names"] == ["L1", "L2", "WM"]
    assert 0 < named.metrics["coverage"] <= 1


def test_a_slice_that_taught_the_model_is_told_so_under_whatever_name(tmp_path):
    own = write_section(tmp_path / "t", 0, labels_of())
    teach(tmp_path, own)
    _, again = name_regions(tmp_path, write_section(tmp_path / "renamed", 0, None))
    assert again.metrics["taught_the_model"]
    assert "this slice taught the model (as t)" in again.reasons[0]
    _, other = name_regions(tmp_path, write_section(tmp_path / "u" / "t", 1, None))
    assert (other.status, other.metrics["taught_the_model"]) == ("passed", False)


def test_a_section_that_varies_in_other_genes_than_its_teachers_is_told_apart(tmp_path, monkeypatch):
    teach(tmp_path, write_section(tmp_path / "t", 0, labels_of()))
    monkeypatch.setattr("tissuegraph.cohorts.carried.carried_share", lambda *_: 0.41)
    _, named = name_regions(tmp_path, write_section(tmp_path / "x", 1, None))
    assert named.status == "warned"
    assert "41% of what varies over this section" in named.reasons[0]
    assert (named.metrics["guard"], named.metrics["carried"]) == ("not shown", 0.41)
    assert named.metrics["sentence"] == named.reasons[0] + "."


def test_a_teacher_without_a_label_is_left_out_with_a_warning(tmp_path):
    good = write_section(tmp_path / "good", 0, labels_of())
    record = teach(tmp_path, good, write_section(tmp_path / "bare", 1, None))
    assert record.status == "warned"
    assert "bare does not teach" in record.reasons[0]
    assert record.metrics["teachers"] == ["good"]


def test_a_section_given_twice_teaches_once_and_shows_no_transfer_to_itself(tmp_path):
    one = write_section(tmp_path / "one", 0, labels_of())
    record = teach(tmp_path, one, write_section(tmp_path / "copy", 0, labels_of()[::-1]))
    assert record.metrics["teachers"] == ["one"]
    assert record.metrics["guard"] == "not checked"
    assert record.reasons == ["copy does not teach: it holds the same spots and counts as one"]


def test_without_any_teacher_left_the_group_has_no_model(tmp_path):
    record = teach(tmp_path, write_section(tmp_path / "bare", 1, None))
    assert record.status == "failed"
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("missing", ["model.json", "model.safetensors"])
def test_naming_by_a_model_that_lacks_a_file_fails_the_slice_with_its_name(tmp_path, missing):
    teach(tmp_path, write_section(tmp_path / "t", 0, labels_of()))
    (tmp_path / "model" / missing).unlink()
    target = write_section(tmp_path / "x", 1, None)
    words = ["--sample", "x", "--slice", target / "slice.h5ad", "--spots", target / "spots.csv.gz"]
    words += ["--model", tmp_path / "model", "--regions", tmp_path / "x.npz", "--record", tmp_path / "x.json"]
    assert invoke_script("name_regions", *words).exit_code == 0
    assert missing in read_record(tmp_path / "x.json").reasons[0]


def test_a_section_whose_expression_was_inferred_is_named_without_its_image(tmp_path):
    teachers = [write_section(tmp_path / f"t{seed}", seed, labels_of()) for seed in (0, 1)]
    for seed, each in enumerate(teachers):
        write_features(each, seed)
    teach(tmp_path, *teachers)
    target = write_section(tmp_path / "x", 2, None)
    image = write_features(target, 2)
    measured, plain = name_regions(tmp_path, target, *image)
    alone, _ = name_regions(tmp_path, target)
    adata = anndata.read_h5ad(target / "slice.h5ad")
    adata.uns["tissuegraph"]["inferred"] = True
    adata.write_h5ad(target / "slice.h5ad")
    inferred, record = name_regions(tmp_path, target, *image)
    assert not np.array_equal(measured["probability"], alone["probability"])  # the image does take part
    np.testing.assert_array_equal(inferred["probability"], alone["probability"])
    (note,) = [note for note in record.notes if "inferred" in note]
    assert "no second witness: genes alone decide" in note
    assert not [note for note in plain.notes if "inferred" in note]
    assert not [reason for reason in record.reasons if "taught with images" in reason]

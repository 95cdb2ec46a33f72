"""The receipt: what made the results, in full and for people, and no secret in it."""

from __future__ import annotations

import json

import pytest
from helpers.fake_slices import fake_run, summarise_words
from helpers.scripts import invoke_script

from tissuegraph.records import Record
from tissuegraph.report.provenance import make_receipt, whole_content, without_secrets
from tissuegraph.report.receipt import sections

SIGNED = "https://u:p%40w@bucket.host/run/sheet.csv?X-Amz-Signature=5e5&X-Amz-Date=1#top"
CONTENT = {"sha256": "ab" * 32, "covers": "content", "n_files": 1, "bytes": 5}
SIZES = {"sha256": "cd" * 32, "covers": "names and sizes", "n_files": 1, "bytes": 5}
MADE = {
    "pipeline": {
        **{"name": "tissuegraph/tissuegraph", "version": "0.1.0"},
        "checkout": {"commit": "1f" * 20, "changed": True},
    },
    "engine": {
        "version": "25.04.4",
        "profile": "docker",
        "container_engine": "docker",
        "images": [{"image": "tissuegraph:0.1.0", "digest": "sha256:" + "12" * 32}],
    },
    "models": {"region_model": {"name": "models/<a>", "checksum": "34" * 32}},
    "agreement": {"sentence": "Version 0.1.0 is the first & last."},
}  # fmt: skip
RUN = {
    "seed": 3,
    "n_seeds": 2,
    "stmfg_preset": "default",
    "methods": [{"name": "stmfg", "graph": {"k": 1}, "train": {"epochs": 2}, "cluster": {}}],
    "notices": ["samplesheet columns that are not used: <age>"],
}


def record(sample: str, step: str, **metrics) -> Record:
    return Record(sample, step, metrics=metrics)


RECORDS = [
    record("A", "ingest", inputs={"path": CONTENT, "image": SIZES}),
    record("B", "ingest", inputs={"path": CONTENT}),
    record("A", "train", method="stmfg", device="cuda"),
    record("B", "train", method="stmfg", device="cpu"),
    record("A", "encode_histology", device="cpu", weights_sha256="56" * 32, stain_reference_sha256=None),
]
ROWS = [{"sample": name, "path": f"{name}/outs", "image": f"{name}.tif"} for name in ("A", "B", "lost")]


@pytest.fixture
def receipt():
    return make_receipt(
        ROWS, RECORDS, run=RUN, params={"input": SIGNED, "genes": None, "api_key": "k"}, made=MADE
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (SIGNED, "https://bucket.host/run/sheet.csv"),
        ("https://user:p@ss@host/a", "https://host/a"),
        ("s3://bucket/a,https://host/b?sig=x,y", "s3://bucket/a,https://host/b"),
        ("what? no address # at all", "what? no address # at all"),
        ('/data/Zoë\'s "run"/a@b.csv', '/data/Zoë\'s "run"/a@b.csv'),
        (3, 3),
    ],
)
def test_addresses_lose_queries_and_passwords_and_paths_stay(given, told):
    assert without_secrets({"all": [given]}) == {"all": [told]}


def test_what_is_called_a_token_key_or_password_is_left_out():
    given = {"hub_token": "a", "deep": {"API-Key": "b", "password": None}, "genes": "KEY1"}
    assert without_secrets(given) == {
        "hub_token": "(left out)",
        "deep": {"API-Key": "(left out)", "password": None},
        "genes": "KEY1",
    }


def test_seeds_devices_weights_and_parameters_are_those_used(receipt):
    assert receipt["seeds"] == [3, 4]
    assert receipt["devices"] == {"encode_histology": {"cpu": 1}, "train_stmfg": {"cpu": 1, "cuda": 1}}
    assert receipt["weights"] == {"weights_sha256": ["56" * 32]}
    assert receipt["parameters"] == {"api_key": "(left out)", "input": "https://bucket.host/run/sheet.csv"}


def test_the_digest_of_a_preset_is_that_of_its_settings(receipt):
    other = {**RUN, "methods": [{**RUN["methods"][0], "train": {"epochs": 3}}]}
    changed = make_receipt(ROWS, RECORDS, run=other, params={}, made=MADE)["presets"]["stmfg"]
    assert receipt["presets"]["stmfg"]["preset"] == changed["preset"] == "default"
    assert receipt["presets"]["stmfg"]["settings_sha256"] != changed["settings_sha256"]


def test_every_row_has_its_inputs_in_the_order_of_the_sheet_and_a_lost_one_none(receipt):
    a, b, lost = receipt["inputs"]["slices"]
    assert a == {"sample": "A", "path": {"name": "A/outs", **CONTENT}, "image": {"name": "A.tif", **SIZES}}
    assert b == {"sample": "B", "path": {"name": "B/outs", **CONTENT}}
    assert lost == {"sample": "lost"}
    assert whole_content(receipt) == (1, 3)


def test_the_digest_over_all_inputs_forgets_their_order_and_places_and_sees_another_content(receipt):
    moved = [{**row, "path": f"/elsewhere/{row['path']}"} for row in ROWS[::-1]]
    assert (
        make_receipt(moved, RECORDS, run={}, params={}, made={})["inputs"]["sha256"]
        == receipt["inputs"]["sha256"]
    )
    other = [RECORDS[0], record("B", "ingest", inputs={"path": SIZES})]
    assert (
        make_receipt(ROWS, other, run={}, params={}, made={})["inputs"]["sha256"]
        != receipt["inputs"]["sha256"]
    )


def test_the_section_says_version_commit_image_seeds_and_agreement_and_escapes_what_users_wrote(receipt):
    (section,) = sections([], {}, receipt)
    for words in (
        "tissuegraph/tissuegraph, version 0.1.0, commit",
        f'<code title="{"1f" * 20}">{"1f" * 6}</code>, with changes that are not committed',
        "Nextflow 25.04.4, profile docker",
        'docker: tissuegraph:0.1.0 <code title="sha256:',
        "sha256:121212121212</code>",
        "3, 4",
        "train_stmfg on cpu (1) and cuda (1)",
        "models/&lt;a&gt;",
        "Version 0.1.0 is the first &amp; last.",
        "3 slices, ",
        "the task that reads it left no result",
    ):
        assert words in section.data, words


def test_a_copy_without_git_run_without_container_is_told_as_such():
    made = {"pipeline": {"name": "t", "version": "1"}, "engine": {"version": "1", "container_engine": None}}
    (section,) = sections([], {}, make_receipt(ROWS, [], run={}, params={}, made=made))
    assert "t, version 1, commit not known" in section.data
    assert "none: programs of the machine" in section.data
    assert "for 0 it covers the content" in section.data


def test_two_hundred_slices_with_failed_ones_have_a_receipt_of_moderate_size_with_notices(tmp_path):
    fake_run(tmp_path, 200, failed=(3, 150))
    for index in range(200):
        sample = f"donor{index // 4 + 1}.section_{index % 4 + 1}-v{index}"
        record(sample, "ingest", inputs={"path": CONTENT}).write(
            tmp_path / "records" / str(index) / "ingest.json"
        )
    context = json.loads((tmp_path / "context.json").read_text())
    context["params"]["outdir"] = 'Zoë\'s "results"'
    (tmp_path / "context.json").write_text(json.dumps(context | {"run": RUN, "made": MADE}))
    result = invoke_script("summarise", *summarise_words(tmp_path))
    assert result.exit_code == 0, result.output
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert len(receipt["inputs"]["slices"]) == 200
    assert all(each["path"]["sha256"] == "ab" * 32 for each in receipt["inputs"]["slices"])
    assert receipt["parameters"]["outdir"] == 'Zoë\'s "results"'
    assert (tmp_path / "receipt.json").stat().st_size < 100_000
    assert (tmp_path / "content" / "receipt_mqc.json").stat().st_size < 60_000
    status = json.loads((tmp_path / "content" / "status_mqc.json").read_text())["data"]
    assert "<li>samplesheet columns that are not used: &lt;age&gt;</li>" in status

"""Presets damaged at random or made to harm: settings or one line, never another exception, never a wait."""

import pytest
from helpers.mutations import PIECES, at_most, mutated

from tissuegraph.errors import SettingsError
from tissuegraph.presets import PRESET_DIRECTORY, load_settings

OWN = b"method: stmfg\nextends: paper\noptimiser:\n  epochs: 3\n"
OF_PRESETS = (
    *(b"extends: [a]\n", b"extends: {a: b}\n", b"extends: 5\n", b"extends: mine.yaml\n", b"extends: ../x\n"),
    *(
        b"method: [a]\n",
        b"method: 3\n",
        b"method: spahgc\n",
        b"optimiser: 3\n",
        b"optimiser:\n",
        b"? [a]\n: b\n",
    ),
)


def line_of(path, content):
    """The line about the preset; None where it was read."""
    path.write_bytes(content)
    with at_most(10):
        try:
            load_settings(path, method="stmfg")
        except SettingsError as error:
            line = str(error).replace(str(path.parent), "")
            assert line.isprintable()
            assert len(line) < 500
            return line
    return None


@pytest.mark.parametrize(
    "source", [*sorted(PRESET_DIRECTORY.glob("*/*.yaml")), None], ids=lambda p: p and p.stem
)
def test_a_damaged_preset_gives_settings_or_one_line(tmp_path, source):
    original = source.read_bytes() if source else OWN
    assert line_of(tmp_path / "mine.yaml", original) is None
    refused = 0
    for seed in range(120):
        content = mutated(original, seed, PIECES + OF_PRESETS)
        try:
            refused += line_of(tmp_path / "mine.yaml", content) is not None
        except Exception as error:
            error.add_note(f"with seed {seed}: {content[:2000]!r}")
            raise
    assert refused > 20


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("extends: [default]\n", "extends must name one preset, e.g. `extends: default`; got ['default']"),
        ("extends: {a: b}\n", "extends must name one preset"),
        ("extends: 5\n", "extends must name one preset, e.g. `extends: default`; got 5"),
        ("extends: ' '\n", "extends must name one preset"),
        ("extends: mine.yaml\n", "do two files name each other?"),
        ("extends: /etc/passwd\n", "extends must name a preset of the pipeline, or a file beside this one"),
        ("extends: ../other.yaml\n", "extends must name a preset of the pipeline, or a file beside this one"),
        (f"extends: {'x' * 5000}\n", "is neither a file nor one of the presets: default, paper"),
        (
            "extends: base.yaml\noptimiser: {epochs: 3}\n",
            "topic preprocess is missing",
        ),  # base: `optimiser: 3`
        ("method: [stmfg]\n", "method must be one of stmfg, multist, spahgc; got ['stmfg']"),
        (f"method: {'s' * 5000}\n", "method must be one of stmfg, multist, spahgc; got 'sss"),
        ("extends: default\noptimiser: 3\n", "topic optimiser is missing"),
        (
            "extends: default\noptimiser: {epochs: 3, epochs: 4}\n",
            "line 2 is not valid YAML: 'epochs' appears twice",
        ),
        (f"extends: default\noptimiser: {{lr: {'9' * 1_000_000}}}\n", "optimiser.lr must be a number from"),
        (f"extends: default\noptimiser: {{epochs: {'9' * 25}}}\n", "optimiser.epochs must be a whole number"),
        ("extends: default\noptimiser: {lr: 2001-13-45}\n", "optimiser.lr must be a number from"),
        ("extends: default\nmodel: {dims: [[1]]}\n", "model.dims must list 1 to 3 layer widths"),
        ("a: &a [1]\nb: *a\n", "line 1 is not valid YAML: aliases (& and *) are not read"),
        ("a: " + "[" * 100_000, "nested deeper than 20 levels"),
        ("? [a]\n: b\n", "a list or mapping is no name of a value"),
        ("a: !!binary aGVsbG8=\n", "tags (!) are not read"),
        ("[1, 2]", "must map topics to settings"),
        ("", "must map topics to settings"),
        ("a: \0\n", "holds the control character '\\x00'"),
    ],
)
def test_a_preset_that_was_made_to_harm_is_one_line(tmp_path, text, words):
    (tmp_path / "base.yaml").write_text("method: stmfg\noptimiser: 3\n")
    assert words in line_of(tmp_path / "mine.yaml", text.encode())


def test_a_preset_is_read_in_utf_8_and_utf_16_with_a_mark_and_in_nothing_else(tmp_path):
    text = "# über\n" + OWN.decode()
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert line_of(tmp_path / "mine.yaml", text.encode(encoding)) is None
    assert "line 1 is not UTF-8 text" in line_of(tmp_path / "mine.yaml", text.encode("latin-1"))


def test_a_file_beside_a_preset_may_be_its_base(tmp_path):
    (tmp_path / "base.yaml").write_bytes(OWN)
    own = tmp_path / "mine.yaml"
    own.write_text("extends: base.yaml\noptimiser: {lr: 0.5}\n")
    settings = load_settings(own, method="stmfg")
    assert (settings.optimiser.epochs, settings.optimiser.lr) == (3, 0.5)

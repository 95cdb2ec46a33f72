"""Names of slots stand in keys.py and nowhere else."""

import ast

import pytest

from tissuegraph import keys

# Words that mean other things too: an annotation is also a column of the samplesheet
WORDS = {"annotation", "barcode", "counts", "domain", "inferred", "measured", "spatial", "tissuegraph"}
WORDS |= {"region", "section", "log1p"}
WORDS |= {"markers", "denoised"}  # of a step, and in the name of a file
SLOTS = {value for name, value in vars(keys).items() if name.isupper() and value not in WORDS}
# The files of other tools, which these modules read or write, have names of their own
FOREIGN = {
    "presets/method.py": {"spatial_graph", "feature_graph"},  # topics of a preset
    "io/spaceranger.py": {"array_row", "array_col"},
    "io/position_table.py": {"array_row", "array_col"},
    "synthetic/writers.py": {"array_row", "array_col"},
}
FOREIGN["synthetic/settings.py"] = {"um_per_px"}  # a field of its dataclass


def test_the_slots_are_known():
    assert {"um_per_px", "pitch_px", "has_counts", "gene_id", "gene_symbol", "keep", "drop_reason"} <= SLOTS


@pytest.mark.parametrize("folder", ["bin", "bin/tissuegraph"])
def test_no_module_spells_a_slot_itself(root, folder):
    paths = (root / folder).glob("*.py") if folder == "bin" else (root / folder).rglob("*.py")
    spelled = {}
    for path in paths:
        name = str(path.relative_to(root / folder))
        texts = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
        found = {text for text in texts if isinstance(text, str)} & SLOTS - FOREIGN.get(name, set())
        if found and name != "keys.py":
            spelled[name] = found
    assert not spelled

"""Whatever is wrong with a file: it is read, or refused in one line; never another exception or no end."""

import json
import subprocess
import sys

import pytest
from helpers import fuzz

# Seeds that failed once: memory for what a damaged array claims to hold, old layouts that declare too much, a
# whole table quoted as one value, an index of 0 where 1 is the first
FAILED_ONCE = (625, 660, 10982, 20544)
N_SEEDS = 30


@pytest.mark.parametrize(
    "seeds", [range(N_SEEDS), range(fuzz.FIRST_IMAGING, fuzz.FIRST_IMAGING + N_SEEDS), FAILED_ONCE]
)
def test_a_damaged_slice_is_read_or_refused_in_one_line(seeds):
    command = [sys.executable, "-W", "ignore", fuzz.__file__, *map(str, seeds)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    *odd, ends = map(json.loads, lines)
    assert not odd
    assert sum(ends.values()) == len(seeds)


def test_the_inputs_that_are_damaged_are_good_before(tmp_path):
    for kind in (*fuzz.KINDS, *fuzz.IMAGING):
        (tmp_path / kind).mkdir()
        assert fuzz.read(fuzz.build(tmp_path / kind, kind), tmp_path / kind) == "read"

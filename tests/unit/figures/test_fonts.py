"""The list of fonts that matplotlib is given instead of searching the machine."""

import json
import subprocess
import sys
from pathlib import Path

from matplotlib.font_manager import FontManager

from tissuegraph.figures.fonts import LIST
from tissuegraph.figures.save import STYLE

BIN = Path(__file__).resolve().parents[3] / "bin"


def test_the_list_is_what_the_installed_matplotlib_says_of_our_family():
    listed = json.loads(LIST.read_text())
    assert listed["_version"] == FontManager.__version__  # else it is not read: write it again
    found = [
        font
        for font in FontManager().ttflist
        if font.name == STYLE["font.family"] and "matplotlib" in font.fname
    ]
    kept = ("name", "style", "variant", "weight", "stretch", "size")
    assert {tuple(font[key] for key in kept) for font in listed["ttflist"]} == {
        tuple(getattr(font, key) for key in kept) for font in found
    }


def test_a_process_that_draws_finds_the_family_and_no_other(tmp_path):
    code = """
import sys
from tissuegraph.figures.fonts import know_own_fonts_only
know_own_fonts_only()
from matplotlib import font_manager
print(sorted({font.name for font in font_manager.fontManager.ttflist}))
print(font_manager.findfont("DejaVu Sans:bold").rpartition("/")[2])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=BIN, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['DejaVu Sans']", "DejaVuSans-Bold.ttf"]


def test_the_folder_of_the_list_is_gone_when_the_process_ends():
    code = """
import os
from tissuegraph.figures.fonts import know_own_fonts_only
know_own_fonts_only()
print(os.environ["MPLCONFIGDIR"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=BIN, capture_output=True, text=True, check=True)
    assert done.stdout.strip()
    assert not Path(done.stdout.strip()).exists()

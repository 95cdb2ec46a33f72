"""The one family of fonts that our figures are written in, told to matplotlib before it looks for others.

Without a list it reads every font of the machine, for each task anew: a third of a second where they are few,
and on clusters with thousands of fonts far longer.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

LIST = Path(__file__).with_name("fonts.json")  # DejaVu Sans, as the matplotlib of its `_version` lists it


def know_own_fonts_only() -> None:
    """Have matplotlib, which must not be loaded yet, take our list for its cache in a folder of this process.

    A matplotlib whose lists have another version makes its own, as ever.
    """
    if "matplotlib" in sys.modules:
        return
    folder = tempfile.mkdtemp(prefix="fonts-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    version = json.loads(LIST.read_text(encoding="utf-8"))["_version"]
    shutil.copy(LIST, Path(folder) / f"fontlist-v{version}.json")
    os.environ["MPLCONFIGDIR"] = folder

"""What scripts load when they start: as little as they use, and in the end the same as ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.step_files import assemble_words, write_steps

BIN = Path(__file__).resolve().parents[3] / "bin"
WIDE = ("dask", "pyarrow", "spatialdata", "torch", "xarray", "zarr")
DRAWING = ("matplotlib", "PIL")
# What the scripts must not have loaded when they have done their work on a slice
BANNED = {
    "qc": (*WIDE, *DRAWING, "anndata", "pandas", "skimage", "sklearn", "scipy.stats._stats_py"),
    "baseline": (*WIDE, *DRAWING, "anndata", "pandas", "rich", "skimage", "scipy.stats._stats_py"),
    "estimate": (*WIDE, *DRAWING, "anndata", "pandas", "skimage", "sklearn", "scipy.optimize"),
    "assemble": (*WIDE, "matplotlib.pyplot", "skimage", "scipy.stats._stats_py"),
    "explore": (*WIDE, "anndata", "matplotlib.figure", "pandas", "skimage", "sklearn", "scipy.optimize"),
}


def python(code: str, *words: object, cwd: Path = BIN) -> list[str]:
    """Lines that a process of its own prints; the package is found there."""
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(BIN)!r})\n{code}",
        *map(str, words),
    ]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> dict[str, list[str]]:
    """The options of each script for one tiny slice, whose final h5ad is there."""
    folder = write_steps(tmp_path_factory.mktemp("steps"))
    python(RUN, "assemble", "", *assemble_words(folder, "stmfg"))
    kept = ["--slice", folder / "slice.h5ad", "--spots", folder / "spots.csv.gz"]
    own = {
        "qc": ["--slice", folder / "slice.h5ad", "--spots", folder / "new.csv.gz"],
        "baseline": [*kept, "--n-domains", "2", "--domains", folder / "new.npz"],
        "estimate": [*kept, "--evidence", folder / "evidence.npz"],
        "explore": ["--h5ad", folder / "out" / "a.b.h5ad", "--page", folder / "page.html"],
    }
    shared = ["--sample", "a.b", "--record", folder / "new.json"]
    return {name: [*shared, *rest] for name, rest in own.items()} | {
        "assemble": assemble_words(folder, "stmfg")
    }


RUN = """
import importlib
name, banned = sys.argv[1], sys.argv[2].split()
importlib.import_module(name).main(sys.argv[3:], standalone_mode=False)
print([module for module in banned if module in sys.modules])
"""


@pytest.mark.parametrize("script", BANNED)
def test_a_step_on_a_slice_loads_no_library_that_it_does_not_use(script, words):
    assert python(RUN, script, " ".join(BANNED[script]), *words[script])[-1] == "[]"


def test_scripts_are_imported_without_the_libraries_of_their_work():
    code = """
import importlib
for script in sys.argv[1:]:
    importlib.import_module(script)
    heavy = ("anndata", "matplotlib", "pandas", "sklearn", "torch")
    print(script, [module for module in heavy if module in sys.modules])
"""
    scripts = sorted(path.stem for path in BIN.glob("*.py") if path.stem != "versions")
    assert python(code, *scripts) == [f"{script} []" for script in scripts]


def test_at_exit_circles_are_left_to_the_system():
    code = """
import tissuegraph.cli
class Loud:
    def __init__(self): self.circle = self
    def __del__(self): print("taken apart")
Loud()
"""
    assert python(code) == []


def test_networks_of_graphs_load_without_the_compiler_of_torch():
    code = """
import tissuegraph.cli
import tissuegraph.spahgc.learning
print("torch._dynamo.eval_frame" in sys.modules, "torch_geometric.nn" in sys.modules)
"""
    assert python(code)[-1] == "False True"


def test_modules_that_wait_give_what_they_hold_when_they_are_touched():
    code = """
import tissuegraph.cli
from scipy.stats import chi2, rankdata
import scipy.stats
print("scipy.stats._stats_py" in sys.modules)
print(round(chi2.isf(0.05, 2), 4), rankdata([30, 10, 20]).tolist(), round(scipy.stats.norm.ppf(0.975), 4))
print(hasattr(scipy.stats, "nonesuch"), type(scipy.stats).__name__)
"""
    assert python(code) == ["False", "5.9915 [3.0, 1.0, 2.0] 1.96", "False module"]


def test_what_lies_within_a_module_that_waits_is_found():
    code = """
import tissuegraph.cli
import scipy.stats
from scipy.stats._stats_py import rankdata
print(rankdata([2, 1]).tolist(), type(scipy.stats).__name__)
"""
    assert python(code) == ["[2.0, 1.0] module"]


def test_libraries_that_were_kept_away_can_be_used_afterwards():
    code = """
import tissuegraph.cli
import sklearn.cluster
print("pandas" in sys.modules)
import numpy, pandas
from sklearn.cluster import KMeans
frame = pandas.DataFrame({"x": [0.0, 0.1, 9.0, 9.1]})
labels = KMeans(2, n_init=1, random_state=0).fit(frame).labels_
print(labels[0] == labels[1] != labels[2])
"""
    assert python(code) == ["False", "True"]


def test_libraries_do_without_documentation_and_compute_the_same():
    code = """
import tissuegraph.cli
from scipy import optimize, signal, special
print("support" in special.logsumexp.__doc__)  # what is composed when scipy loads
root = optimize.brentq(lambda x: x * x - 2, 0, 2)
print(round(float(special.logsumexp([0.0, 0.0])), 4), round(float(root), 4))
print(signal.convolve([1, 2], [1, 1]).tolist())
"""
    assert python(code) == ["False", "0.6931 1.4142", "[1, 3, 2]"]


FIGURE = """
if sys.argv[1] == "light":
    import tissuegraph.cli
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
figure = Figure(figsize=(2, 1), dpi=100)
axes = figure.subplots()
axes.plot([0, 1, 3], label="a", lw=2, ls="--")
axes.add_artist(Line2D([0, 1], [1, 0])).set(color="red", lw=3)
axes.bar([0, 1], [2, 1], alpha=0.5)
axes.set(title="t", xlabel="x", xlim=(0, 2))
axes.legend(loc="upper left")
try:
    axes.set(nonesuch=1)
except AttributeError as error:
    print(error)
figure.savefig("figure.png", metadata={"Software": None})
print("alpha" in (Line2D.set.__doc__ or ""))
"""


def test_figures_drawn_without_lists_of_properties_have_the_same_pixels(tmp_path):
    bytes_of = {}
    for how, listed in (("light", "False"), ("full", "True")):
        error, documented = python(FIGURE, how, cwd=tmp_path)
        assert "unexpected keyword argument 'nonesuch'" in error
        assert documented == listed
        bytes_of[how] = (tmp_path / "figure.png").read_bytes()
    assert bytes_of["light"] == bytes_of["full"]


H5AD = """
import tissuegraph.cli
from tissuegraph.cli.startup import anndata_for_hdf5
if sys.argv[1] == "light":
    anndata_for_hdf5()
import anndata, numpy, pandas
from scipy import sparse
obs = pandas.DataFrame({
    "kind": pandas.Categorical(["a", None, "b"]), "text": ["x", "y", "z"], "flag": [True, False, True],
    "whole": pandas.array([1, None, 3], dtype="Int64"), "share": [0.5, numpy.nan, 1.0],
}, index=["s1", "s2", "s3"])
data = anndata.AnnData(sparse.csr_matrix(numpy.eye(3, 2, dtype=numpy.float32)), obs=obs)
table, names = pandas.DataFrame({"k": ["u", "v"]}), numpy.array(["p"])
data.uns["nested"] = {"number": 1.5, "table": table, "names": names}
data.write_h5ad("slice.h5ad", compression="gzip")
read = anndata.read_h5ad("slice.h5ad")
print(read.obs.to_csv(), read.obs.dtypes.astype(str).tolist(), read.uns["nested"]["table"].to_csv())
print("zarr" in sys.modules)
import zarr
print(zarr.ones((2, 2)).shape)
"""


def test_anndata_for_hdf5_writes_and_reads_the_same_bytes(tmp_path):
    written = {}
    for kind in ("light", "whole"):
        (tmp_path / kind).mkdir()
        *read, has_zarr, used = python(H5AD, kind, cwd=tmp_path / kind)
        written[kind] = (read, used, (tmp_path / kind / "slice.h5ad").read_bytes())
        assert has_zarr == str(kind == "whole")
    assert written["light"] == written["whole"]

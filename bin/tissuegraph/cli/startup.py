"""Start with as few libraries as a step uses: of a small slice, starting is most of what each step costs.

Libraries import others on the chance that they are wanted: scipy every module of numpy, scikit-learn pandas
and the whole of scipy.stats, anndata dask, xarray and zarr. Such modules wait here until something of them is
touched or, where a library only asks whether they are installed, are kept from it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

# Modules that wait, each with those of its functions and objects that others import by name when they load
WAITING: Mapping[str, frozenset[str]] = {
    "asyncio": frozenset(),
    "fontTools.agl": frozenset(),
    "numpy.f2py": frozenset(),
    "numpy.testing": frozenset(),
    "scipy.integrate": frozenset({"trapezoid"}),
    "scipy.interpolate": frozenset({"BSpline"}),
    "scipy.spatial.transform": frozenset(),
    "scipy.special": frozenset({"rel_entr"}),
    "scipy.stats": frozenset({"chi2", "gmean", "rankdata", "spearmanr"}),
}
# Modules, each with the libraries that it does without where they are not loaded when it is
WITHOUT: Mapping[str, tuple[str, ...]] = {
    "sklearn": ("pandas",),
    "sklearn.callback": ("rich",),
    "torch_geometric": ("numba", "pandas", "transformers"),
}
# What anndata looks for, or names in its tables of types, and files in HDF5 need not
NOT_FOR_HDF5 = ("dask", "pyarrow", "xarray", "zarr")
_LOADING = threading.RLock()


class _Waiting(ModuleType):
    """A module that loads when a name is looked up that it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        with _LOADING:
            loader = self.__dict__.get("__waiting__")
            if loader is None:
                raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
            if name in WAITING[self.__name__]:
                return _Later(self.__name__, name)
            load(self)
        return getattr(self, name)


def load(module: ModuleType) -> None:
    """Load a module that waits (inplace); nothing where it is there already or is just being loaded."""
    with _LOADING:
        loader = module.__dict__.pop("__waiting__", None)
        if loader is not None:
            module.__spec__.loader = module.__loader__ = loader
            loader.exec_module(module)
            module.__class__ = ModuleType


class _Later:
    """A function or object of a module that waits, to be called or to look something up in."""

    def __init__(self, module: str, name: str):
        self._module, self._name = module, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._found()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._found(), name)

    def _found(self) -> Any:
        module = import_module(self._module)
        load(module)
        return getattr(module, self._name)


class _Loader(Loader):
    """Instead of a module's own loader: makes the module, and leaves the rest for when it is touched."""

    def __init__(self, own: Loader):
        self.own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Waiting(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__waiting__"] = self.own


class _LoaderWithout(Loader):
    """Loads a module as its own loader does, while some libraries are kept from it."""

    def __init__(self, own: Loader, names: Sequence[str]):
        self.own, self.names = own, names

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__.loader = module.__loader__ = self.own
        with _kept_away(self.names):
            self.own.exec_module(module)


class _Finder(MetaPathFinder):
    """Finds the modules of WAITING and WITHOUT. What lies within one that waits ends the waiting."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        parent = sys.modules.get(name.rpartition(".")[0])
        if isinstance(parent, _Waiting):
            load(parent)
        if name not in WAITING and name not in WITHOUT:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            waits = name in WAITING
            spec.loader = _Loader(spec.loader) if waits else _LoaderWithout(spec.loader, WITHOUT[name])
        return spec


def let_wait() -> None:
    """From here on, modules of WAITING load when they are touched, and those of WITHOUT as it says."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def anndata_for_hdf5() -> None:
    """Import anndata for a process that keeps AnnData in HDF5 files and nowhere else: a third of its time.

    Nothing where it is loaded already. The rest of the process may import what was kept from anndata and use
    it, though not through anndata.
    """
    if "anndata" in sys.modules:
        return
    try:
        with _kept_away(NOT_FOR_HDF5):
            import_module("anndata")
    except Exception:  # another anndata, which asks for more: as ever
        for name in [name for name in sys.modules if name.partition(".")[0] == "anndata"]:
            del sys.modules[name]
        import_module("anndata")


@contextmanager
def _kept_away(names: Sequence[str]) -> Iterator[None]:
    """While it lasts these are not installed, but for types of zarr, which nothing is ever of."""
    absent = [name for name in names if name not in sys.modules]
    zarr = ModuleType("zarr")
    zarr.Array, zarr.Group = type("Array", (), {}), type("Group", (), {})  # two, since each is a key
    sys.modules.update({name: zarr if name == "zarr" else None for name in absent})
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)

"""HDF5 files opened and read with errors that a user can act on, and never beyond the file itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tissuegraph.errors import InputError
from tissuegraph.io.budget import UNQUESTIONED, check_declared
from tissuegraph.io.kinds import HDF5, kind_of

MAX_NODES = 100_000  # groups and arrays of one file; looking at each takes some microseconds
MAX_CHARACTERS = 500  # of one name; arrays of text are as wide as their longest
_FOREIGN = (AttributeError, IndexError, KeyError, OverflowError, RuntimeError, TypeError, ValueError)


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """An h5py File to read; whatever is broken inside becomes an InputError that names the file.

    The file is not locked, so it may be open elsewhere. Nothing outside it can be reached: external links,
    external storage and virtual arrays are refused at any depth before anything is read.
    """
    import h5py

    kind = kind_of(path)
    if kind == "empty":
        raise InputError(f"{path.name} is an empty file; was its copy interrupted?")
    try:
        with h5py.File(path, "r", locking=False) as file:
            check_closed(file, path.name)
            yield file
    except OSError as error:
        raise InputError(f"{path.name} cannot be read as HDF5: {_why(str(error), kind)}") from error
    except _FOREIGN as error:
        raise InputError(f"{path.name} {_what_is_wrong(error)}") from error


def _what_is_wrong(error: Exception) -> str:
    """What an error met while reading an open file means, with the remedy where it is known."""
    if missing := re.search(
        r"\(object '(.+)' doesn't exist\)|\(can't locate attribute: '(.+)'\)", str(error)
    ):
        return f"lacks {(missing[1] or missing[2])!r}; copy it again, or write it again with all its parts"
    return f"is not laid out as expected: {error}"


def _why(message: str, kind: str) -> str:
    """What an error of the HDF5 library means, with the remedy; kind: what the first bytes say."""
    if found := re.search(r"truncated file: eof = (\d+).*stored_eof = (\d+)", message):
        return f"truncated, {int(found[1]):,} of its {int(found[2]):,} bytes are there; copy it again"
    if "already open for write" in message or "consistency flags" in message:
        return "another program is writing it, or died while it did; close it there, or run h5clear -s"
    if "lock" in message.lower() and "unable to lock" in message.lower():
        return "it is locked by another program; close it there"
    if "filter" in message:
        return f"it is compressed in a way that is not known here ({message}); write it with gzip"
    if kind != HDF5 and kind.startswith("a"):
        return f"it is {kind}; unpack or convert it to HDF5"
    if kind == "text":
        return "it is text; give the HDF5 file itself"
    return "truncated, damaged or another format; copy it again"


def check_closed(file: Any, name: str) -> None:
    """Raise InputError where a node of an HDF5 file leads out of it or to nowhere, or where they are too "
    "many."""
    import h5py

    root = h5py.h5o.open(file.id, b"/")
    seen = {h5py.h5o.get_info(root).addr}
    waiting, soft = [("", root)], []
    while waiting:
        place, group = waiting.pop()
        for key in group:
            where = f"{place}/{key.decode(errors='replace')}"
            link = group.links.get_info(key).type
            if link == h5py.h5l.TYPE_EXTERNAL:
                raise _leaves(name, where, "is a link into another file")
            if link == h5py.h5l.TYPE_SOFT:
                soft.append((where, group, key))
                continue  # what it points to is reached by its own path
            if link != h5py.h5l.TYPE_HARD:
                raise _leaves(name, where, "is a link of an unknown kind")
            node = h5py.h5o.open(group, key)
            address = h5py.h5o.get_info(node).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > MAX_NODES:
                raise InputError(
                    f"{name} holds more than {MAX_NODES:,} groups and arrays; write only what is needed"
                )
            if isinstance(node, h5py.h5g.GroupID):
                waiting.append((where, node))
            elif isinstance(node, h5py.h5d.DatasetID):
                _check_storage(node, name, where)
    for where, group, key in soft:  # not before it is known that none passes through another file
        if not _leads_somewhere(group, key):
            raise _leaves(name, where, "is a link to nothing")


def _leads_somewhere(group: Any, key: bytes) -> bool:
    """Whether a soft link can be followed, through hard and soft links of this file only."""
    import h5py

    try:
        return h5py.h5o.exists_by_name(group, key)
    except (KeyError, RuntimeError, ValueError, OSError):
        return False


def _check_storage(dataset: Any, name: str, where: str) -> None:
    import h5py

    made = dataset.get_create_plist()
    if made.get_external_count():
        raise _leaves(name, where, "keeps its values in another file")
    if made.get_layout() == h5py.h5d.VIRTUAL:
        raise _leaves(name, where, "is put together from other arrays (virtual)")


def _leaves(name: str, where: str, what: str) -> InputError:
    return InputError(
        f"{name} is refused: {where} {what}; write the file again with all values inside, e.g. by reading "
        f"and "
        f"writing it with anndata or h5repack"
    )


def group_of(parent: Any, name: str) -> Any:
    """The group `name` in a file or group. Raises InputError for an array: asked for a member, it is read."""
    node = parent[name]
    if not hasattr(node, "keys"):
        raise InputError(f"{node.name} is an array; expected a group: write the file again")
    return node


def values(node: Any, kinds: str = "biuf", ndim: int | None = None) -> np.ndarray:
    """The values of an array, looked at before memory is taken.

    kinds: numpy's letters of the types that make sense. Raises InputError for anything else, and for sizes
    that cannot be.
    """
    where = getattr(node, "name", None) or "an array"
    if not hasattr(node, "dtype"):
        raise InputError(f"{where} is a group; expected an array")
    if node.dtype.kind not in kinds or node.shape is None:
        raise InputError(f"{where} has values of type {node.dtype}; expected numbers")
    if ndim is not None and node.ndim != ndim:
        raise InputError(f"{where} has {node.ndim} dimensions; expected {ndim}")
    check_size(node)
    return np.asarray(node[()])


def check_size(dataset: Any) -> None:
    """Raise InputError where an array, or one piece of it, declares more than can be."""
    where, item = dataset.name or "an array", dataset.dtype.itemsize
    # Of a damaged file, the size that an array claims to be stored in may be any number
    stored = min(dataset.id.get_storage_size(), dataset.file.id.get_filesize())
    check_declared(where, int(np.prod(dataset.shape, dtype=object)) * item, stored)
    if dataset.chunks:  # the library unpacks whole pieces, however few values are wanted
        piece = int(np.prod(dataset.chunks, dtype=object)) * item
        if piece > UNQUESTIONED:
            check_declared(f"one piece of {where}", piece, stored)


def strings(dataset: Any) -> np.ndarray:
    """An HDF5 array of text, fixed or variable length, as (n,) str; raises InputError for text that is "
    "none."""
    if not hasattr(dataset, "dtype") or dataset.dtype.kind not in "SO":
        kind = getattr(dataset, "dtype", "a group")
        raise InputError(f"{getattr(dataset, 'name', 'an array')} holds {kind}; expected text")
    check_size(dataset)
    if dataset.ndim != 1:
        raise InputError(f"{dataset.name} has {dataset.ndim} dimensions; expected one column of text")
    if dataset.dtype.kind == "S" and dataset.dtype.itemsize > 4 * MAX_CHARACTERS:
        raise _too_long(dataset.name)
    return np.array([decoded(value, dataset.name) for value in dataset[()]], dtype=str)


def decoded(value: Any, name: str) -> str:
    """One text of the array called `name`; raises InputError for what is no text, or too long."""
    try:
        text = value.decode() if isinstance(value, bytes) else str(value)
        text.encode()  # h5py hands on bytes that are no UTF-8 as lone surrogates
    except UnicodeError as error:
        raise InputError(f"{name} holds text that is not UTF-8; write the file again") from error
    if len(text) > MAX_CHARACTERS:
        raise _too_long(name)
    if "\0" in text:
        raise InputError(f"{name} holds text with NUL bytes ({text!r}); write the file again")
    return text


def _too_long(name: str) -> InputError:
    return InputError(f"{name} holds text longer than {MAX_CHARACTERS} characters; expected names or labels")


def text_column(node: Any) -> np.ndarray:
    """A column of text of an AnnData frame (N,), empty where it is missing: an array, nullable strings
    (values, mask) or a categorical (codes, categories). Raises InputError for what is no text.
    """
    if not hasattr(node, "keys"):
        return strings(node)
    if "codes" in node:
        return np.append(strings(node["categories"]), "")[node["codes"][()]]
    return strings(node["values"])


def index_of(frame: Any) -> np.ndarray:
    """Names of the rows of a stored frame (N,)."""
    return text_column(frame[frame.attrs["_index"]])

"""One thing wrong in a file of a slice: bytes, text, numbers, nodes, links, headers."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

ODD_NUMBERS = (float("nan"), float("inf"), -1, 0, 0.5, 1e300, 1e30, -1e300, 2**31, 2**40, 1e-320)
ODD_TEXT = (
    "",
    "NA",
    "\udce9",
    "x" * 200_000,
    "\u200b",
    "é",
    "1e999",
    "TRUE",
    "-1",
    '"',
    "a\nb",
    "0x10",
    "\0",
)


def mutate(folder: Path, kind: str, rng: np.random.Generator) -> None:
    """Do one to three things to one file of an input."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if kind == "image":
        files = [folder / "he.png"]
    elif kind == "table":
        files = [path for path in files if path.suffix in (".csv", ".json")]
    path = files[rng.integers(len(files))]
    for _ in range(rng.integers(1, 4)):
        _change_of(path, rng)(path, rng)


def _change_of(path: Path, rng: np.random.Generator) -> Callable:
    bytewise = [flip_bytes, cut, overwrite]
    if path.suffix in (".h5", ".h5ad") and h5py.is_hdf5(path):
        return ([change_node] * 9 + bytewise)[rng.integers(12)]
    if path.suffix == ".png":
        return ([change_image, change_header] * 3 + bytewise)[rng.integers(9)]
    if path.suffix == ".json":
        return ([change_json] * 6 + bytewise)[rng.integers(9)]
    return ([change_text] * 6 + bytewise)[rng.integers(9)]


def flip_bytes(path: Path, rng: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(rng.integers(1, 20)):
        if content:
            content[rng.integers(len(content))] = rng.integers(256)
    path.write_bytes(bytes(content))


def cut(path: Path, rng: np.random.Generator) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.integers(len(content) + 1)])


def overwrite(path: Path, rng: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    start, length = rng.integers(len(content) + 1), rng.integers(1, 64)
    content[start : start + length] = rng.integers(0, 256, length).astype(np.uint8).tobytes()
    path.write_bytes(bytes(content))


def change_text(path: Path, rng: np.random.Generator) -> None:
    packed = path.suffix == ".gz"
    content = path.read_bytes()
    try:
        text = (gzip.decompress(content) if packed else content).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        return flip_bytes(path, rng)
    lines = text.splitlines() or [""]
    where, odd = rng.integers(len(lines)), ODD_TEXT[rng.integers(len(ODD_TEXT))]
    separator = "\t" if "\t" in text else "," if "," in text else " "
    cells = lines[where].split(separator)
    cells[rng.integers(len(cells))] = (
        str(ODD_NUMBERS[rng.integers(len(ODD_NUMBERS))]) if rng.random() < 0.5 else odd
    )
    changed = {
        0: [*lines[:where], separator.join(cells), *lines[where + 1 :]],
        1: [*lines[:where], *lines[where + 1 :]],
        2: [*lines, lines[where]],
        3: [line.replace(separator, ";") for line in lines],
        4: [f"{n}{separator}{line}" for n, line in enumerate(lines)],
        5: lines,
    }[int(rng.integers(6))]
    encoding = ("utf-8", "utf-8", "utf-16", "utf-16-le", "latin-1", "utf-8-sig", "utf-32")[rng.integers(7)]
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    content = "\n".join(changed).encode(encoding, errors)
    path.write_bytes(gzip.compress(content) if packed and rng.random() < 0.8 else content)


def change_json(path: Path, rng: np.random.Generator) -> None:
    odd = [None, [], {}, "text", True, *ODD_NUMBERS, 10**400]
    values = {name: odd[rng.integers(len(odd))] if rng.random() < 0.5 else 0.2 for name in _factor_names()}
    whole = [values, values, odd[rng.integers(len(odd))], [values]][rng.integers(4)]
    text = json.dumps(whole) if rng.random() < 0.9 else "[" * 100_000
    path.write_text(text)


def _factor_names() -> tuple[str, ...]:
    return (
        "spot_diameter_fullres",
        "tissue_hires_scalef",
        "tissue_lowres_scalef",
        "microns_per_pixel",
        "a/b",
        "",
    )


def change_image(path: Path, rng: np.random.Generator) -> None:
    """Another image of another kind, depth, shape or size under the same name."""
    import tifffile
    from PIL import Image

    side = (int(rng.integers(1, 160)), int(rng.integers(1, 160)))
    mode = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK", "F", "I")[rng.integers(10)]
    picture = Image.fromarray(rng.integers(0, 255, (*side, 3)).astype(np.uint8))
    how = rng.integers(3)
    if how == 0 and mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        picture.convert(mode).save(path, format="PNG")
    elif how == 1 and mode in ("L", "RGB", "CMYK"):
        picture.convert(mode).save(path, format="JPEG")
    else:
        depth = (np.uint8, np.uint16, np.float32, np.int16, np.uint32, np.float64, bool)[rng.integers(7)]
        shape = (side, (*side, 3), (*side, 4), (3, *side), (5, *side), (*side, 2), (2, 3, *side))[
            rng.integers(7)
        ]
        values = (rng.random(shape) * rng.choice([1, 255, 4095, 65535, 1e9])).astype(depth)
        options = {"photometric": ("minisblack", "miniswhite")[rng.integers(2)]}
        tifffile.imwrite(path, values, **options, compression=(None, "zlib")[rng.integers(2)])


def change_header(path: Path, rng: np.random.Generator) -> None:
    """Another size, depth or colour type in the header of a PNG, with the right check sum."""
    content = bytearray(path.read_bytes())
    if content[:4] != b"\x89PNG":
        return flip_bytes(path, rng)
    size = [int(rng.choice([0, 1, 60, 50_000, 2**31 - 1])) for _ in range(2)]
    depth, colour = int(rng.choice([1, 2, 4, 8, 16, 77])), int(rng.choice([0, 2, 3, 4, 6, 9]))
    content[16:26] = struct.pack(">IIBB", *size, depth, colour)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(bytes(content))


def change_node(path: Path, rng: np.random.Generator) -> None:
    """Another value, type, shape, attribute or link somewhere in an HDF5 file."""
    try:
        with h5py.File(path, "a") as file:
            nodes: list[str] = []
            file.visit(nodes.append)
            where = nodes[rng.integers(len(nodes))]
            _NODE_CHANGES[rng.integers(len(_NODE_CHANGES))](file, where, rng)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, IndexError, OverflowError):
        flip_bytes(path, rng)


def _remove(file, where, rng) -> None:
    del file[where]


def _odd_value(file, where, rng) -> None:
    node = file[where]
    if not isinstance(node, h5py.Dataset) or not node.size:
        return _remove(file, where, rng)
    index = tuple(int(rng.integers(n)) for n in node.shape)
    odd = ODD_TEXT[rng.integers(len(ODD_TEXT))] if node.dtype.kind == "O" else ODD_NUMBERS[rng.integers(8)]
    if node.dtype.kind in "iu":
        odd = int(rng.choice([-1, 0, 127, 2**31 - 1]))
    node[index] = odd


def _replace(file, where, rng) -> None:
    node = file[where]
    shape = node.shape if isinstance(node, h5py.Dataset) else (30,)
    n = shape[0] if shape else 1
    ones = np.ones(n)
    del file[where]
    values = [
        np.zeros(0), np.arange(n + 1.0), np.float64(3), "text", ones.astype("S"), np.ones((n, 3)),
        ones * np.nan, np.arange(n, dtype=np.int8) - 5, ones > 2, ones * 1j, ones * 1e300, h5py.Empty("f8"),
        np.zeros(n, dtype=[("a", "f8"), ("b", "i4")]), np.array([b"\xff\xfe"] * n), np.full((n, 2), 1e-320),
    ]  # fmt: skip
    file[where] = values[rng.integers(len(values))]


def _declare(file, where, rng) -> None:
    node = file[where]
    kind = node.dtype if isinstance(node, h5py.Dataset) else np.dtype("f8")
    del file[where]
    shape = [(10**12,), (10**6, 10**6), (10**9,), (30, 10**9)][rng.integers(4)]
    file.create_dataset(where, shape=shape, dtype=kind, chunks=True)


def _attribute(file, where, rng) -> None:
    node = file[where]
    names = list(node.attrs) or ["encoding-type"]
    name = names[rng.integers(len(names))]
    odd = [
        "csc_matrix",
        "awkward-array",
        "null",
        7,
        np.array([10**12, 10**12]),
        np.array([3]),
        b"\xff",
        "",
        np.nan,
    ]
    del node.attrs[name]
    if rng.random() < 0.8:
        node.attrs[name] = odd[rng.integers(len(odd))]


def _link(file, where, rng) -> None:
    del file[where]
    links = [h5py.SoftLink("/nothing"), h5py.SoftLink("/"), h5py.SoftLink(f"/{where}"), h5py.SoftLink("/X")]
    links += [h5py.ExternalLink("/etc/passwd", "/"), file["/"]]
    file[where] = links[rng.integers(len(links))]


def _swap(file, where, rng) -> None:
    nodes: list[str] = []
    file.visit(nodes.append)
    other = nodes[rng.integers(len(nodes))]
    if other.startswith(where) or where.startswith(other):
        return
    del file[where]
    file[where] = file[other]


_NODE_CHANGES = (_remove, _odd_value, _odd_value, _replace, _replace, _declare, _attribute, _link, _swap)

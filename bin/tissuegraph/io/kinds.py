"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

from pathlib import Path

from tissuegraph.errors import InputError

HDF5, PNG, JPEG, TIFF, GZIP = "an HDF5 file", "a PNG image", "a JPEG image", "a TIFF image", "a gzip file"
_STARTS = (
    (b"\x89HDF\r\n\x1a\n", HDF5),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"\x1f\x8b", GZIP),
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"PAR1", "a parquet file"),
    (b"\0\0\0\x0cjP  \r\n", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"ZISRAWFILE", "a CZI image of Zeiss"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"%PDF", "a PDF"),
    (b"RDX", "an R file"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself"),
    (b"<!DOCTYPE", "a web page"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
)


def kind_of(path: Path) -> str:
    """What the file is, in words; `empty`, `text` or `of an unknown kind` where nothing better is known.

    Raises InputError for a file that is missing or may not be read.
    """
    return kind_of_bytes(first_bytes(path))


def kind_of_bytes(start: bytes) -> str:
    """As `kind_of`, of the first bytes of a file."""
    if not start:
        return "empty"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "a WebP image"
    found = next((kind for magic, kind in _STARTS if start.startswith(magic)), None)
    if found is not None:
        return found
    text = not set(start) & (set(range(32)) - set(b"\t\n\r\f"))
    return "text" if text else "of an unknown kind"


def first_bytes(path: Path, n: int = 64) -> bytes:
    """The first bytes of a file; raises InputError that says why it cannot be opened."""
    if path.is_dir():
        raise InputError(f"{path.name} is a directory; expected a file")
    try:
        with path.open("rb") as file:
            return file.read(n)
    except FileNotFoundError as error:
        raise InputError(f"{path.name} does not exist or is no file") from error
    except PermissionError as error:
        raise InputError(
            f"{path.name} may not be read: permission denied; ask its owner for access"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be opened ({error.strerror}); is its disk reachable?"
        ) from error

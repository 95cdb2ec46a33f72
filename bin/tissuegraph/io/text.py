"""Text files as people send them: any encoding that says so, compressed or not, never more than expected."""

from __future__ import annotations

import codecs
import csv
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

from tissuegraph.errors import InputError
from tissuegraph.io.budget import MAX_TEXT, MOST_BYTES, MOST_RATIO, UNQUESTIONED, in_words
from tissuegraph.io.kinds import GZIP, first_bytes, kind_of_bytes

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLOCK = 1 << 20
_DELIMITERS = ",\t;"
SEPARATORS = "commas, tabs or semicolons"  # the same, as messages call them


def brief(text: object, length: int = 80) -> str:
    """A value as messages quote it: one line of at most `length` characters that can be printed."""
    line = "".join(each if each.isprintable() else "?" for each in " ".join(str(text).split()))
    return line if len(line) <= length else f"{line[: length - 3]}..."


def plain(text: str) -> str:
    """The text without case and blanks, each letter in one encoding (an accent may stand alone or not):
    names that are equal so were probably meant to be one.
    """
    return "".join(normalize("NFKC", normalize("NFKC", text).casefold()).split())


def listed(names: Sequence[str], most: int) -> str:
    """Names joined by commas; of more than `most`, the first of them and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def read_rows(path: Path, name: str, delimiter: str | None = None) -> list[list[str]]:
    """The lines of a table that are not empty, as lists of text without surrounding blanks.

    name: how messages call the file; delimiter: comma, tab or semicolon, whichever the first line has most
    of, when None. Raises InputError.
    """
    text = read_text(path, name)
    delimiter = delimiter or max(_DELIMITERS, key=text.lstrip("\r\n").partition("\n")[0].count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return [[cell.strip() for cell in row] for row in reader if any(row)]
    except csv.Error as error:
        raise InputError(f"{name} is not a readable table ({error}); check its quotes") from error


def read_text(path: Path, name: str) -> str:
    """A text file, gzip or not, in UTF-8 or in what its byte order mark says; raises InputError."""
    content = read_bytes(path, name, MAX_TEXT)
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        kind = kind_of_bytes(content[:64])
        what = f"it is {kind}" if kind.startswith("a") else f"byte {error.start + 1} is none"
        raise InputError(f"{name} is not UTF-8 text ({what}); save it as UTF-8") from error
    if "\0" in text:
        raise InputError(f"{name} is not UTF-8 text (it holds NUL bytes); save it as UTF-8")
    return text


def read_bytes(path: Path, name: str, most: int = MOST_BYTES) -> bytes:
    """A whole file, decompressed where its content (not its name) is gzip; raises InputError."""
    start = first_bytes(path)
    kind = kind_of_bytes(start)
    size = path.stat().st_size
    if kind == GZIP:
        return _gunzip(path, name, min(most, max(UNQUESTIONED, int(MOST_RATIO * size))))
    if path.suffix.lower() == ".gz" and kind.startswith("a"):
        raise InputError(f"{name} is {kind}, not gzip as its name says; unpack it")
    if size > most:
        raise InputError(f"{name} has {in_words(size)}, at most {in_words(most)} can be read")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror}); is its disk reachable?") from error


def _gunzip(path: Path, name: str, most: int) -> bytes:
    """All members of a gzip file, at most `most` bytes of content."""
    content = io.BytesIO()
    try:
        with path.open("rb") as file:
            pending, inflate, ended = b"", zlib.decompressobj(wbits=31), False
            while pending or (pending := file.read(_BLOCK)):
                if ended:  # another member, or the zeros that some writers pad with
                    pending = pending.lstrip(b"\0")
                    if not pending:
                        continue
                    inflate, ended = zlib.decompressobj(wbits=31), False
                content.write(inflate.decompress(pending, _BLOCK))
                if content.tell() > most:
                    raise InputError(
                        f"{name} unpacks to more than the {in_words(most)} that can be read; unpack it, look "
                        f"at it, and write it again"
                    )
                ended = inflate.eof
                pending = inflate.unused_data if ended else inflate.unconsumed_tail
            if not ended:
                raise EOFError
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{name} is truncated or damaged; copy it again") from error
    return content.getvalue()

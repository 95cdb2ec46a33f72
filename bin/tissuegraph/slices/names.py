"""Names as people read them: in the order that they expect, and alike but for case and blanks."""

from __future__ import annotations

from unicodedata import normalize


def natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key under which L2 comes before L10."""
    parts, digits = [], ""
    for character in text + "\0":
        if character.isdigit() and character.isascii():
            digits += character
            continue
        if digits:
            parts.append((0, int(digits), ""))
            digits = ""
        parts.append((1, 0, character.casefold()))
    return parts


def plain(text: str) -> str:
    """The text without case and blanks, each letter in one of its encodings (\u00e9 may also be e and an
    accent): names that are equal so were probably meant to be one.
    """
    return "".join(normalize("NFKC", normalize("NFKC", text).casefold()).split())

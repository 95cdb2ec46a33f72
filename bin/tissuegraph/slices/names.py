"""Names in the order that people expect."""

from __future__ import annotations


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

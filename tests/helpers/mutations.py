"""Files damaged at random, by bytes and by structure, from a seed; and a limit on what a test waits."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# What files hold that were damaged, made by another program, or made to harm
PIECES = (
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3\x28", b"\xe2\x80\xa8", b"\xc2\x85", b"\xe2\x80\xae"),
    *(b"\x1b[31m", b"\x85", b'"', b"'", b",", b"\n", b"\r", b"\t", b";", b"|", b"{", b"}", b"[", b"]", b"%"),
    *(b": ", b":", b"- ", b"&a ", b"*a", b"!!int ", b"!!python/object/apply:os.system [id]", b"? ", b"<<: "),
    *(b"@", b"`", b"#", b">", b"|\n  x", b"---\n", b"...\n", b"\\ud800", b"\\u0000", b"=cmd()", b"'=cmd()"),
    *(b"9" * 5000, b"1e999", b".nan", b"-.inf", b"null", b"~", b"2001-13-45", b"0x1F", b"1:30:00"),
    *(b"[[" * 500, b"{a: " * 300, b"- " * 2000, b"x" * 140_000, b"sep=;\n"),
)
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1")


def mutated(content: bytes, seed: int, pieces: Sequence[bytes] = PIECES) -> bytes:
    """The content with one to eight changes; the same for the same seed."""
    rng = random.Random(seed)
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        kind, start = rng.randrange(6), rng.randrange(len(changed) + 1)
        end = min(len(changed), start + rng.choice((1, 1, 5, 40, 200)))
        if kind == 0:
            changed[start:end] = bytes(rng.randrange(256) for _ in range(min(end - start, 2)))
        elif kind == 1:
            changed[start:start] = rng.choice(pieces)
        elif kind == 2:
            changed[start:end] = rng.choice((b"", rng.choice(pieces)))
        elif kind == 3:
            changed[start:start] = changed[start:end] * rng.choice((1, 2, 30))
        else:
            lines = bytes(changed).split(b"\n")
            here, there = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[here], lines[there] = lines[there], lines[here]
            if kind == 5:
                lines[here:here] = [rng.choice(pieces)]
            changed = bytearray(b"\n".join(lines))
    if rng.random() < 0.05:
        text = bytes(changed).decode(errors="replace")
        return text.encode(rng.choice(ENCODINGS), errors="replace")
    return bytes(changed)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block when it takes longer."""

    def stop(_number, _frame):
        raise TimeoutError(f"still waiting after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

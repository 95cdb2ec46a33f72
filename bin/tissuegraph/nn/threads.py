"""Independent pieces of one computation, side by side on the processor's threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import TypeVar

import torch

Piece, Result = TypeVar("Piece"), TypeVar("Result")


def in_threads(
    work: Callable[[Sequence[Piece]], Result], pieces: Sequence[Piece], device: torch.device
) -> list[Result]:
    """work on contiguous shares of the pieces, one share per thread of torch; results in their order.

    Whole pieces per thread instead of the threads inside each operation, because small operations in the
    cache gain nothing from those. The shares depend on the number of threads alone, hence so do the bits.
    Without gradients. On another device than the CPU: one share.
    """
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    shares = min(threads, len(pieces))
    if shares <= 1:
        with torch.no_grad():
            return [work(pieces)]
    bounds = [len(pieces) * share // shares for share in range(shares + 1)]
    parts = [pieces[start:stop] for start, stop in pairwise(bounds)]

    def without_gradients(part: Sequence[Piece]) -> Result:
        with torch.no_grad():  # a setting of each thread
            return work(part)

    results = list(_pool(shares).map(without_gradients, parts))
    torch.set_num_threads(threads)  # what new threads start with, which those of the pool have changed
    return results


@cache
def _pool(size: int) -> ThreadPoolExecutor:
    """Threads whose own torch operations stay on that thread."""
    return ThreadPoolExecutor(size, initializer=_one_thread)


def _one_thread() -> None:
    torch.get_num_threads()  # a thread's first use takes the process's number, so it has to come before
    torch.set_num_threads(1)

"""When a training says how far it is: often enough to see that it lives, seldom enough to be read."""

from __future__ import annotations

import time
from collections.abc import Callable

Progress = Callable[[int, int, int, float], None]  # seed, epoch from 1, epochs, total loss
StageProgress = Callable[[int, int, float], None]  # the same of a seed's stage, without the seed

_PARTS = 10  # reports of a training that takes no time
_SECONDS = 30.0  # the longest silence of one that does


class Teller:
    """Says of each epoch of a training whether to report it: each tenth of all, or after 30 s of silence."""

    def __init__(self, epochs: int, clock: Callable[[], float] = time.monotonic):
        self.epochs, self.clock = epochs, clock
        self.last = clock()

    def due(self, epoch: int) -> bool:
        """Whether epoch `epoch`, from 1, is to be reported; the last one always is."""
        now = self.clock()
        at_part = epoch % max(1, self.epochs // _PARTS) == 0 or epoch == self.epochs
        if at_part or now - self.last >= _SECONDS:
            self.last = now
            return True
        return False

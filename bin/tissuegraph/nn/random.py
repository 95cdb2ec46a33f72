"""Random numbers from a generator that is passed in, also where torch itself takes none.

The convention of all networks: weights, orders and samples come from a torch.Generator on the CPU that the
caller has seeded, so they are the same on every device; global random state is neither read nor changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def generator(seed: int) -> torch.Generator:
    """A generator on the CPU that starts at the seed."""
    return torch.Generator().manual_seed(seed)


@contextmanager
def drawing_from(draws: torch.Generator) -> Iterator[None]:
    """For the initialisation of torch's layers, which takes no generator: `draws` stands in for global state.

    Inside, what is drawn on the CPU comes from `draws`, which moves on; afterwards global state is as before.
    """
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(draws.get_state())
        yield
        draws.set_state(torch.get_rng_state())


class Dropout(nn.Module):
    """Sets a share of the entries to 0 and scales up the rest, in training only; masks come from `draws`.

    Masks are large, so on another device than the CPU they are made there, by a generator that `draws` seeds.
    """

    def __init__(self, rate: float, draws: torch.Generator):
        super().__init__()
        self.rate, self.draws = rate, draws

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        if self.draws.device.type != x.device.type:
            seed = int(torch.randint(2**63 - 1, (1,), generator=self.draws))
            self.draws = torch.Generator(x.device).manual_seed(seed)
        return x * torch.empty_like(x).bernoulli_(1 - self.rate, generator=self.draws).div_(1 - self.rate)

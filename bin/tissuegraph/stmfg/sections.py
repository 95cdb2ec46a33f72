"""One stMFG encoder for several sections: each takes its turn at one optimisation step.

Sections share weights and genes, not edges, so memory does not grow with their number. A classifier may
learn beside the unsupervised losses from those spots whose class is known. C classes; N spots of one section.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tissuegraph.errors import InputError
from tissuegraph.nn.device import resolve_device
from tissuegraph.nn.optimiser import Adam
from tissuegraph.nn.random import drawing_from, generator
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.stmfg.model import Stmfg
from tissuegraph.stmfg.objective import loss_terms
from tissuegraph.stmfg.problem import Problem, prepare
from tissuegraph.stmfg.settings import Settings

ROUNDS_OF_ALL = 4  # with more sections than this each is seen less often: the number of steps stays the same
_HELD_SPOTS = 400_000  # spots of prepared sections kept between turns: about 5 kB each

Load = Callable[[], SliceArrays]


@dataclass(frozen=True, eq=False)
class SectionEncoder:
    """A trained encoder with its classifier, as plain arrays by name (float32, on the CPU)."""

    weights: Mapping[str, np.ndarray]
    settings: Settings
    n_inputs: int
    n_classes: int  # 0: no classifier

    def embed(self, arrays: SliceArrays, device: str = "cpu") -> np.ndarray:
        """Embedding (N, D) of a section, whether or not it was trained on."""
        return self._run(arrays, device)[0]

    def posterior(self, arrays: SliceArrays, device: str = "cpu") -> np.ndarray:
        """Probability of each class (N, C) float64."""
        return self._run(arrays, device)[1]

    @torch.no_grad()
    def _run(self, arrays: SliceArrays, device: str) -> tuple[np.ndarray, np.ndarray]:
        where = resolve_device(device)
        n_genes = self.weights["encoder.decoder.bias"].shape[1]
        network = _Network(self.settings, self.n_inputs, n_genes, self.n_classes)
        network.load_state_dict({name: torch.as_tensor(value) for name, value in self.weights.items()})
        problem = prepare(arrays, self.settings, where)
        z = network.to(where).eval().encoder(problem.views).z
        logits = network.classifier(z) if self.n_classes else z[:, :0]
        return z.cpu().numpy(), torch.softmax(logits.double(), 1).cpu().numpy()


class _Network(nn.Module):
    def __init__(self, settings: Settings, n_inputs: int, n_genes: int, n_classes: int):
        super().__init__()
        self.encoder = Stmfg(settings.model, (n_inputs, n_inputs), n_genes)
        width = settings.model.head_dim or settings.model.dims[-1]
        self.classifier = nn.Linear(width, n_classes) if n_classes else None


def train_sections(
    sections: Sequence[Load],
    settings: Settings,
    *,
    seed: int,
    codes: Sequence[np.ndarray | None] | None = None,
    n_classes: int = 0,
    device: str = "auto",
) -> SectionEncoder:
    """Train one encoder on all sections; their features must mean the same and their genes be the same.

    sections: read when it is their turn; codes: (N,) int class of each spot, -1 where unknown, None for a
    section without any. The loss of a step is that of stMFG on the section (E7), plus the cross-entropy of
    the spots of known class. optimiser.epochs steps for each of up to 4 sections, the same number of steps
    for more. Raises InputError where the loss is not finite.
    """
    where = resolve_device(device)
    held = _Held(sections, settings, where)
    first = held[0]
    with drawing_from(generator(seed)):
        network = _Network(settings, first.n_inputs[0], first.n_genes, n_classes).to(where)
    chosen = settings.optimiser
    optimiser = Adam(network.parameters(), lr=chosen.lr, weight_decay=chosen.weight_decay)
    draws = np.random.default_rng(seed)
    order = turns(len(sections), chosen.epochs, draws)
    known = [_known(entry, where) for entry in (codes or [None] * len(sections))]
    for turn, section in enumerate(order):
        optimiser.zero_grad()
        problem = held[section]
        encoding = network.encoder(problem.views)
        loss = loss_terms(network.encoder, encoding, problem, settings, draws)[-1]
        if known[section] is not None:
            spots, classes = known[section]
            loss = loss + cross_entropy(network.classifier(encoding.z[spots]), classes)
        if not torch.isfinite(loss):
            raise InputError(
                f"stMFG over {len(sections)} sections diverged in step {turn + 1} of {len(order)}; "
                f"lower optimiser.lr (now {chosen.lr:g})"
            )
        loss.backward()
        optimiser.step()
    weights = {name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}
    return SectionEncoder(weights, settings, first.n_inputs[0], n_classes)


def turns(n_sections: int, epochs: int, draws: np.random.Generator) -> list[int]:
    """Which section takes each step: all of them once, in random order, before any of them again."""
    n_steps = epochs * min(n_sections, ROUNDS_OF_ALL)
    order: list[int] = []
    while len(order) < n_steps:
        order += draws.permutation(n_sections).tolist()
    return order[:n_steps]


def _known(codes: np.ndarray | None, device: torch.device) -> tuple[Tensor, Tensor] | None:
    """Spots of known class and their classes."""
    if codes is None or not (np.asarray(codes) >= 0).any():
        return None
    spots = np.flatnonzero(np.asarray(codes) >= 0)
    return torch.as_tensor(spots).to(device), torch.as_tensor(np.asarray(codes)[spots].astype(np.int64)).to(
        device
    )


class _Held:
    """Prepared sections, the last used ones kept as long as they hold few spots together."""

    def __init__(self, sections: Sequence[Load], settings: Settings, device: torch.device):
        self.sections, self.settings, self.device = sections, settings, device
        self.kept: OrderedDict[int, Problem] = OrderedDict()
        self.sizes: dict[int, int] = {}

    def __getitem__(self, section: int) -> Problem:
        if section not in self.kept:
            arrays = self.sections[section]()
            self.sizes[section] = arrays.n_spots
            while self.kept and sum(self.sizes[held] for held in self.kept) + arrays.n_spots > _HELD_SPOTS:
                self.kept.popitem(last=False)
            self.kept[section] = prepare(arrays, self.settings, self.device)
        self.kept.move_to_end(section)
        return self.kept[section]

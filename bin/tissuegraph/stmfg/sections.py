"""One stMFG encoder for several sections: each takes its turn at one optimisation step, large ones in parts.

Parts share weights and genes, not edges, so the memory of a step does not grow with their number. A
classifier may learn beside the unsupervised losses from those spots whose class is known. C classes; N spots
of one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from tissuegraph.slices.partition import spatial_parts
from tissuegraph.stmfg.model import Stmfg
from tissuegraph.stmfg.objective import loss_terms
from tissuegraph.stmfg.problem import Problem, prepare
from tissuegraph.stmfg.settings import Settings

ROUNDS_OF_ALL = 4  # with more parts than this each is seen less often: the number of steps stays the same
STEP_SPOTS = 5_000  # in one step: a whole section of a lattice of spots, parts of a section of cells or bins
MOST_SPOTS = 400_000  # that take part: they are held prepared, about 5 kB each


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


def training_parts(positions: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    """The spots of each section's parts that are trained on: contiguous, of at most 5,000 spots.

    positions: (N, 2) of each section. Where there are more than 400,000 spots, parts are left out: sections
    give one in turn, evenly spread over their tissue. Spots of a part ascend.
    """
    cut = [_spread(spatial_parts(xy, STEP_SPOTS)) for xy in positions]
    taken: list[list[np.ndarray]] = [[] for _ in cut]
    n_spots = 0
    for turn in range(max(map(len, cut), default=0)):
        for own, parts in zip(taken, cut, strict=True):
            if turn < len(parts) and n_spots + len(parts[turn]) <= MOST_SPOTS:
                own.append(parts[turn])
                n_spots += len(parts[turn])
    return taken


def _spread(parts: list[np.ndarray]) -> list[np.ndarray]:
    """The same parts in an order of which every beginning is spread over the tissue.

    Neighbours in the list are neighbours in the tissue; strides by the golden ratio never bunch.
    """
    order = np.argsort(np.arange(len(parts)) * 0.6180339887 % 1, kind="stable")
    return [parts[index] for index in order]


def prepare_sections(parts: Iterable[SliceArrays], settings: Settings, device: str = "auto") -> list[Problem]:
    """What every seed and step shares, on the device; features must mean the same and genes be the same."""
    where = resolve_device(device)
    return [prepare(arrays, settings, where) for arrays in parts]


def train_sections(
    parts: Sequence[Problem],
    settings: Settings,
    *,
    seed: int,
    codes: Sequence[np.ndarray | None] | None = None,
    n_classes: int = 0,
) -> SectionEncoder:
    """Train one encoder on all parts of all sections, on the device that holds them.

    codes: (N,) int class of each spot of each part, -1 where unknown, None for a part without any. The loss
    of a step is that of stMFG on the part (E7), plus the cross-entropy of the spots of known class.
    optimiser.epochs steps for each of up to 4 parts, the same number of steps for more. Raises InputError
    where the loss is not finite.
    """
    first = parts[0]
    where = first.edges.device
    with drawing_from(generator(seed)):
        network = _Network(settings, first.n_inputs[0], first.n_genes, n_classes).to(where)
    chosen = settings.optimiser
    optimiser = Adam(network.parameters(), lr=chosen.lr, weight_decay=chosen.weight_decay)
    draws = np.random.default_rng(seed)
    order = turns(len(parts), chosen.epochs, draws)
    known = [_known(entry, where) for entry in (codes or [None] * len(parts))]
    for turn, place in enumerate(order):
        optimiser.zero_grad()
        encoding = network.encoder(parts[place].views)
        loss = loss_terms(network.encoder, encoding, parts[place], settings, draws)[-1]
        if known[place] is not None:
            spots, classes = known[place]
            loss = loss + cross_entropy(network.classifier(encoding.z[spots]), classes)
        if not torch.isfinite(loss):
            raise InputError(
                f"stMFG over several sections diverged in step {turn + 1} of {len(order)}; "
                f"lower optimiser.lr (now {chosen.lr:g})"
            )
        loss.backward()
        optimiser.step()
    weights = {name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}
    return SectionEncoder(weights, settings, first.n_inputs[0], n_classes)


def turns(n_parts: int, epochs: int, draws: np.random.Generator) -> list[int]:
    """Which part takes each step: all of them once, in random order, before any of them again."""
    n_steps = epochs * min(n_parts, ROUNDS_OF_ALL)
    order: list[int] = []
    while len(order) < n_steps:
        order += draws.permutation(n_parts).tolist()
    return order[:n_steps]


def _known(codes: np.ndarray | None, device: torch.device) -> tuple[Tensor, Tensor] | None:
    """Spots of known class and their classes."""
    if codes is None or not (np.asarray(codes) >= 0).any():
        return None
    spots = np.flatnonzero(np.asarray(codes) >= 0)
    return torch.as_tensor(spots).to(device), torch.as_tensor(np.asarray(codes)[spots].astype(np.int64)).to(
        device
    )

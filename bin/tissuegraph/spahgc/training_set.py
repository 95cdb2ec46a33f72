"""Sequenced slices of which each in turn is the target of the others: what the network is trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from tissuegraph.spahgc.baselines import Tuning
from tissuegraph.spahgc.folds import at_least_two, owner_of
from tissuegraph.spahgc.reference_set import KEEP_SPOTS, ReferenceSet, graph_source, plans_for
from tissuegraph.spahgc.sampling import sampled_parts
from tissuegraph.spahgc.settings import Settings
from tissuegraph.spahgc.slices import HistologySlice
from tissuegraph.spahgc.training import GraphSource


class TrainingSet:
    """Slices with counts, on the scales of all of them. A single one is cut into halves.

    by: `patient` keeps the slices of one patient from serving each other, where another patient can.
    """

    def __init__(self, slices: Sequence[HistologySlice], genes: np.ndarray, settings: Settings, *, by: str):
        units = at_least_two(slices)
        self.references = ReferenceSet.of(units, genes, settings)
        self.encoded = [each.image for each in units]  # (N_s, F) each, not scaled
        self._positions = [each.position for each in units]
        self._owners = [owner_of(each, by) for each in units]

    def graphs(self, tuning: Tuning, device: torch.device) -> list[GraphSource]:
        """Each slice as the target of the others, from which the prediction it starts from comes too.

        Of large slices a sample is trained on (optimiser.max_spots); what serves is all of them.
        """
        everyone, sources = self.references, []
        limit = everyone.settings.optimiser.max_spots
        keep = limit <= KEEP_SPOTS
        for place, parts in enumerate(sampled_parts(self._positions, limit)):
            others = everyone.without(self.kept_from(place))
            for spots in parts:
                image = everyone.images[place][spots]
                features = {
                    "base": others.base(everyone.plain_images[place][spots], tuning),
                    "measured": everyone.expression[place][spots],
                    "device": device,
                }
                position = self._positions[place][spots]
                plans = plans_for(position, image, others.served, everyone.settings, tuning, device)
                sources += [graph_source(plan, image, others.served, keep=keep, **features) for plan in plans]
        return sources

    def kept_from(self, place: int) -> list[int]:
        """Slices that do not serve this one: itself, and of its patient where patients are held out."""
        own = [i for i, owner in enumerate(self._owners) if owner == self._owners[place]]
        return [place] if len(own) == len(self._owners) else own

"""How much of what varies over a section do the components of other sections carry?

Told without labels, and before any region is believed: a model of one tissue answers with confidence when
it is asked about another. N spots, G genes, D components.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tissuegraph.cohorts.components import Loadings
from tissuegraph.io.stored import StoredSlice
from tissuegraph.slices.smoothing import mean_over_others

N_NEAREST = 6  # one ring of a lattice
LEAST_SPOTS = 50  # below which chance decides
STANDARD_DEVIATIONS = 5.0  # of chance that spatial variation has to exceed
_BLOCK = 8192  # spots whose neighbours are averaged at a time


def carried_share(loadings: Loadings, section: StoredSlice) -> float | None:
    """Share of the section's spatial variation that lies in the components; None where that cannot be told.

    Spatial variation of a gene is the covariance, over spots, of its log counts with their mean over the six
    nearest *other* spots, whose noise is their own: that of counting cancels. Summed over the genes of the
    loadings that the section has, and along their components. About 1 for the sections of the fit (small ones
    exceed it: their noise is in the loadings), less for others. None for fewer than 50 spots or where no more
    varies over the tissue than chance explains.
    """
    if len(section.xy) < LEAST_SPOTS:
        return None
    values, there = loadings.values(section)
    values = values.astype(np.float64)
    basis, _ = np.linalg.qr(loadings.vectors[there])
    mean = np.asarray(values.mean(axis=0)).ravel()
    variance = np.asarray(values.multiply(values).mean(axis=0)).ravel() - mean**2
    others = mean_over_others(section.xy, N_NEAREST)
    along, everywhere, total = np.zeros(basis.shape[1]), np.zeros(len(mean)), 0.0
    for start in range(0, len(section.xy), _BLOCK):
        block = slice(start, start + _BLOCK)
        own, nearby = values[block], sparse.csr_matrix(others[block] @ values)
        total += float(own.multiply(nearby).sum())
        everywhere += np.asarray(nearby.sum(axis=0)).ravel()
        along += np.einsum("nd,nd->d", own @ basis, nearby @ basis)
    # less what the means alone contribute
    total -= float(mean @ everywhere)
    carried = float(along.sum() - (mean @ basis) @ (everywhere @ basis))
    # standard deviation of the total where no spot heeds another
    chance = np.sqrt(len(section.xy) / N_NEAREST * float(variance @ variance))
    rounding = 1e-6 * len(section.xy) * float(mean @ mean)
    return carried / total if total > STANDARD_DEVIATIONS * chance + rounding else None

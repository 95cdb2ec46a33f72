"""Small annotated sections of one made-up tissue: bands of three regions with genes of their own."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tissuegraph.io.stored import StoredSlice
from tissuegraph.regions.sections import Source

NAMES = ("L1", "L2", "WM")
N_GENES = 60


def labels_of(bands=(0, 1, 2), rows=12, columns=12):
    """Region of each spot of a grid, in horizontal bands of equal height."""
    band = np.repeat(np.array(bands), rows // len(bands))
    return np.repeat(np.array(NAMES, dtype=object)[band], columns)


def section(seed, bands=(0, 1, 2), batch=0.0, rows=12, columns=12, extra=None):
    """A stored section (rows x columns spots, 60 genes); batch: sd of a log factor per gene, its own.

    extra: genes of a further region that the last band shows instead of its own.
    """
    rng = np.random.default_rng(seed)
    labels = labels_of(bands, rows, columns)
    rate = np.full((len(labels), N_GENES), 0.6)
    for k, name in enumerate(NAMES):
        rate[labels == name, 18 * k : 18 * k + 18] = 4.0
    if extra is not None:
        last = labels == NAMES[bands[-1]]
        rate[last] = 0.6
        rate[last, 54:] = 25.0
    rate = rate * np.exp(rng.normal(0, batch, N_GENES))
    y, x = np.divmod(np.arange(len(labels)), columns)
    names = np.array([f"g{k}" for k in range(N_GENES)])
    return StoredSlice(
        counts=sparse.csr_matrix(rng.poisson(rate).astype(np.float32)),
        barcodes=np.array([f"s{k}" for k in range(len(labels))]),
        genes=names,
        gene_ids=np.char.add("ENSG", names),
        symbols=names,
        xy=np.stack([x, y], axis=1) * 100.0,
        pitch=100.0,
    )


def teacher(name, seed, patient=None, labels=None, bands=(0, 1, 2), **more):
    """A section that teaches its own regions, or the labels given."""
    stored = section(seed, bands, **more)
    given = labels_of(bands) if labels is None else labels
    return Source(name, lambda: stored, given, patient)

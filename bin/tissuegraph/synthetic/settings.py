"""The knobs of the generator: one frozen dataclass per slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tissuegraph.errors import SettingsError
from tissuegraph.synthetic.planted import Planted

LAYERED, PATCHY = "layered", "patchy"
VISIUM, CELLS = "visium", "cells"


@dataclass(frozen=True)
class SliceSettings:
    """Everything that decides one generated slice; equal settings give equal slices, byte for byte.

    Slices of one cohort share `programme_seed` (genes, cell types, what a domain is made of and what
    it looks like) and differ in `seed` (outline, domain map, counts, stain).
    """

    seed: int = 0
    programme_seed: int = 0
    species: str = "human"  # human or mouse: spelling of the gene symbols
    # tissue
    architecture: str = LAYERED  # layered: curved bands as in cortex; patchy: islands as in a tumour
    lattice: str = VISIUM  # visium: hexagonal spots; cells: scattered single cells
    n_spots: int = 900
    n_domains: int = 5
    pitch_um: float = (
        100.0  # centre to centre, Visium; for cells the spacing if they lay on a hexagonal lattice
    )
    patch_size: float = 0.145  # patchy: length scale of the islands, as a share of the tissue's extent
    softness_um: float = 25.0  # half-width of the transition between neighbouring domains
    share_sd: float = 0.4  # layered: of the log thickness of a layer, between sections
    share_change: tuple[float, ...] = ()  # layered: log factor of the thickness of each layer; none if empty
    # expression
    n_genes: int = 1000
    n_types: int = 8  # cell types
    signal: float = 1.0  # 0: genes do not know the domains; above 1: easier than the default
    marker_share: float = 0.2  # share of genes that mark a cell type; the rest carry no domain signal
    marker_log_fold: float = 1.3  # mean natural-log fold change of a marker in its cell type
    mixing: float = 4.5  # Dirichlet concentration of a spot's cell-type mixture; small is noisy
    nuisance: float = 0.2  # amplitude (natural log) of programmes that do not follow the domains
    depth: float = 2000.0  # median total counts per spot
    depth_sd: float = 0.4  # of log depth
    dispersion: float = 2.0  # median shape of the negative binomial; small is noisy
    dropout: float = 0.15  # mean probability that a gene's counts in a spot are lost
    batch_sd: float = 0.0  # log-normal factor per gene that differs between slices
    patient: int | None = None  # whose slice it is; slices of one patient share what follows
    patient_sd: float = 0.0  # log-normal factor per gene that differs between patients
    patient_share_sd: float = 0.0  # layered: of the log thickness of a layer, between patients
    planted: Planted | None = None  # what is there to be found
    damaged: float = 0.0  # share of spots with few counts and a high mitochondrial share
    unlabelled: float = 0.0  # share of spots without annotation
    # image
    image_signal: float = 1.0  # 0: the image does not follow the domains
    image_follows: str = "domains"  # or "other": another, unrelated domain map (a misleading image)
    um_per_px: float = 0.5  # of the full-resolution image, which defines the coordinates
    hires_px: int = 1000  # longest side
    lowres_px: int = 300  # longest side

    def __post_init__(self) -> None:
        _one_of("species", self.species, ("human", "mouse"))
        _one_of("architecture", self.architecture, (LAYERED, PATCHY))
        _one_of("lattice", self.lattice, (VISIUM, CELLS))
        _one_of("image_follows", self.image_follows, ("domains", "other"))
        _at_least("n_spots", self.n_spots, 20)
        _at_least("n_domains", self.n_domains, 1)
        _at_least("n_types", self.n_types, 2)
        _at_least("n_genes", self.n_genes, 100)
        for name in (
            *("signal", "nuisance", "depth_sd", "batch_sd", "softness_um"),
            *("share_sd", "patient_sd", "patient_share_sd"),
        ):
            _at_least(name, getattr(self, name), 0)
        if len(self.share_change) not in (0, self.n_domains):
            raise SettingsError(
                f"share_change has {len(self.share_change)} values; it must have one for each of the "
                f"{self.n_domains} domains, or none"
            )
        for name in (
            "mixing",
            "depth",
            "dispersion",
            "pitch_um",
            "patch_size",
            "um_per_px",
            "hires_px",
            "lowres_px",
        ):
            _above_zero(name, getattr(self, name))
        for name in ("marker_share", "dropout", "damaged", "unlabelled", "image_signal"):
            _share(name, getattr(self, name))

    def stream(self, purpose: str) -> np.random.Generator:
        """Random numbers of this slice for one purpose; no purpose disturbs another."""
        return np.random.default_rng([self.seed, 1, *purpose.encode()])

    def patient_stream(self, purpose: str) -> np.random.Generator:
        """Random numbers that all slices of this patient have in common."""
        return np.random.default_rng([self.programme_seed, 3, self.patient or 0, *purpose.encode()])

    def shared_stream(self, purpose: str) -> np.random.Generator:
        """Random numbers that all slices with this `programme_seed` have in common."""
        return np.random.default_rng([self.programme_seed, 2, *purpose.encode()])


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SettingsError(f"{name} is '{value}'; it must be one of {', '.join(known)}")


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise SettingsError(f"{name} is {value}; it must be at least {least}")


def _above_zero(name: str, value: float) -> None:
    if not value > 0:
        raise SettingsError(f"{name} is {value}; it must be above 0")


def _share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise SettingsError(f"{name} is {value}; it must lie between 0 and 1")

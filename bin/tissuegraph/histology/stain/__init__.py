"""Stain normalisation: slides of one cohort as if they came from one laboratory and one scanner."""

from tissuegraph.histology.stain.fitting import METHODS, fit_normaliser
from tissuegraph.histology.stain.normaliser import Identity, Normaliser

__all__ = ["METHODS", "Identity", "Normaliser", "fit_normaliser"]

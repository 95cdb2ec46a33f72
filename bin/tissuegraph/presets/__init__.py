"""Settings of the methods: a frozen dataclass per topic, read from YAML presets in assets/presets."""

from tissuegraph.presets.reading import PRESET_DIRECTORY, SETTINGS, load_settings, settings_from_dict
from tissuegraph.presets.shared import Clustering, FeatureGraph, Optimiser, Preprocess, SpatialGraph
from tissuegraph.presets.stmfg import Losses, Model, Settings

__all__ = [
    "PRESET_DIRECTORY",
    "SETTINGS",
    "Clustering",
    "FeatureGraph",
    "Losses",
    "Model",
    "Optimiser",
    "Preprocess",
    "Settings",
    "SpatialGraph",
    "load_settings",
    "settings_from_dict",
]

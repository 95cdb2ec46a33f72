"""Reading of presets: YAML files in assets/presets, checked against the settings of their method."""

from tissuegraph.presets.reading import PRESET_DIRECTORY, load_settings, settings_from_dict

__all__ = ["PRESET_DIRECTORY", "load_settings", "settings_from_dict"]

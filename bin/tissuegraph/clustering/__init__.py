"""From an embedding to domains: clusterers, consensus over seeds, number of domains, refinement.

A clusterer is a frozen dataclass of its settings with a `title`, the words with which a methods section
names it. It is called with (embedding (N, D), n_domains, seed) and returns Labels. To add one, write its
module and name it in CLUSTERERS; presets, the report and the tests read this list.
"""

from __future__ import annotations

from importlib import import_module

from tissuegraph.errors import SettingsError

# Name in presets -> `module:class` in this room: by string, so that reading the names imports no library.
CLUSTERERS = {
    "vote": "vote:Vote",
    "gmm": "vote:Gmm",
    "kmeans": "kmeans:KMeans",
    "leiden": "leiden:Leiden",
}


def clusterer_class(name: str) -> type:
    """The clusterer of that name; raises SettingsError that names the ones there are."""
    if name not in CLUSTERERS:
        raise SettingsError(f"clusterer must be one of {', '.join(CLUSTERERS)}, got {name!r}")
    module, _, found = CLUSTERERS[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), found)


def clusterer_title(name: str) -> str:
    """How a methods section names the clusterer of that name, such as `a vote of mixtures`."""
    return clusterer_class(name).title

"""`uns['<column>_colors']`: the colours of the figures, where scanpy and squidpy look for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from tissuegraph import keys
from tissuegraph.figures.palette import UNLABELLED, domain_colour, region_number


def category_colours(
    obs: pd.DataFrame, domains: Iterable[str], annotated: Mapping[str, int] | None = None
) -> dict[str, list[str]]:
    """One colour (#RRGGBB) for each category of the columns of domains, of taught regions and of the
    annotation.

    domains: columns whose categories are numbers from 1, or texts that get colours by their place; annotated:
    number of each annotated region, hence its colour. Columns that obs has not are passed over.
    """
    found = {}
    for name in domains:
        if name in obs:
            found[f"{name}_colors"] = [
                domain_colour(int(category) if str(category).isdecimal() else place)
                for place, category in enumerate(obs[name].cat.categories, start=1)
            ]
    for name in (keys.REGION, keys.REGION_CALL):  # `unsure` is the last of the called ones
        if name in obs:
            found[f"{name}_colors"] = [
                UNLABELLED if label == keys.UNSURE else domain_colour(region_number(place))
                for place, label in enumerate(map(str, obs[name].cat.categories))
            ]
    if annotated and keys.ANNOTATION in obs:
        labels = [str(label) for label in obs[keys.ANNOTATION].cat.categories]
        found[f"{keys.ANNOTATION}_colors"] = [
            domain_colour(annotated[label]) if label in annotated else UNLABELLED for label in labels
        ]
    return found

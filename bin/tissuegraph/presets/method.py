"""What the settings of every method have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, ClassVar

# Topics that a step reads. Each step is given these and no others, so that a change of a preset repeats the
# work from the first step that it concerns; training is given all but the clustering.
_OF_GRAPH = ("preprocess", "spatial_graph", "feature_graph")
_OF_CLUSTER = ("clustering",)


class MethodSettings:
    """What the settings of all methods share; the topics are the fields of the dataclass built on it.

    In a step that reads some topics only (see `read_by`) the others are None.
    """

    method: ClassVar[str]

    def as_dict(self) -> dict[str, Any]:
        """Plain nested dict of the topics there are, as a preset file holds it."""
        topics = dataclasses.asdict(self)
        return {
            "method": self.method,
            **{name: values for name, values in topics.items() if values is not None},
        }


def read_by(step: str, topics: Iterable[str]) -> list[str]:
    """Those of a method's topics that a step (`graph`, `train` or `cluster`) reads."""
    if step == "train":
        return [name for name in topics if name not in _OF_CLUSTER]
    return [name for name in topics if name in {"graph": _OF_GRAPH, "cluster": _OF_CLUSTER}[step]]

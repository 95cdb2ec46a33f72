"""What the settings of every method have in common."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar


class MethodSettings:
    """What the settings of all methods share; the topics are the fields of the dataclass built on it."""

    method: ClassVar[str]

    def as_dict(self) -> dict[str, Any]:
        """Plain nested dict, as a preset file holds it."""
        return {"method": self.method, **dataclasses.asdict(self)}

"""What made the image features of a slice."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tissuegraph.histology.features import ImageFeatures
from tissuegraph.keys import UM_PER_PX


@dataclass(frozen=True)
class ImageOrigin:
    """What made the image features of a slice; see `ImageFeatures`. um_per_px: None where unknown."""

    encoder: str
    weights_sha256: str
    tile_um: float
    side_px: float
    stain_method: str
    stain_reference_sha256: str
    um_per_px: float | None
    um_per_px_source: str

    @classmethod
    def of(cls, image: ImageFeatures) -> ImageOrigin:
        scale = image.um_per_px if image.scale_is_known else None
        own = {field.name: getattr(image, field.name) for field in fields(cls)}
        return cls(**own | {UM_PER_PX: scale})

    @property
    def scale_is_known(self) -> bool:
        return self.um_per_px is not None

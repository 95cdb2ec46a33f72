"""Whether tiles of a target show as much tissue as those of its references."""

from __future__ import annotations

from collections.abc import Mapping

from tissuegraph.errors import InputError
from tissuegraph.histology.features import ImageFeatures
from tissuegraph.io.scale import ALIKE
from tissuegraph.spahgc.origin import ImageOrigin


def check_scales(target: str, images: Mapping[str, ImageFeatures | ImageOrigin]) -> None:
    """Refuse a target whose tiles cannot be known to be as wide as those of its references.

    images: of the target and of its references, by name. Either the scale of all is known, or of none, and
    neighbouring spots of all lie equally far apart in pixels, to within 15 %: the distance between spots,
    which stood in for the scale, is then a unit that they share. Raises InputError naming row and column.
    """
    known = [name for name, image in images.items() if image.scale_is_known]
    unknown = [name for name, image in images.items() if not image.scale_is_known]
    if not unknown:
        return
    if known:
        lacking = target if target in unknown else unknown[0]
        whose = "its references" if lacking == target else "other slices"
        example = images[known[0]]
        raise InputError(
            f"row of {lacking}, column um_per_px: empty - nothing says the scale of its image, while that of "
            f"{whose} is known ({known[0]}: {example.um_per_px:.3g}, {example.um_per_px_source}), so tiles "
            f"would differ in size; expected micrometres per pixel, or --assume_spacing"
        )
    spacing = {name: 100 * image.side_px / image.tile_um for name, image in images.items()}
    least, most = (choose(spacing, key=spacing.__getitem__) for choose in (min, max))
    if spacing[most] > ALIKE * spacing[least]:
        raise InputError(
            f"row of {target}, column um_per_px: empty - nothing says the scale of the images, and "
            f"neighbouring spots lie {spacing[least]:.3g} px apart in {least} and {spacing[most]:.3g} px in "
            f"{most}, so tiles may differ in size; expected micrometres per pixel in each row, or "
            f"--assume_spacing"
        )

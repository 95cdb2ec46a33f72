"""Tiles to features: read, normalise and encode in batches, and put every row where its spot is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from tissuegraph.errors import InputError, SettingsError
from tissuegraph.histology.encoders import Encoder
from tissuegraph.histology.features import ImageFeatures
from tissuegraph.histology.slide import Slide, array_slide
from tissuegraph.histology.source import Picture
from tissuegraph.histology.stain import Identity, Normaliser, fit_normaliser
from tissuegraph.histology.tiles import read_tiles, reading_order, spread_out
from tissuegraph.histology.tissue_mask import background_share, tissue_mask

OVERVIEW_SIDE = 2000  # pixels: for the tissue mask
SHOWN_SIDE = 800  # pixels of the pictures kept for figures
N_SHOWN = 16
STAIN_TILES, STAIN_TILE_PX = 1000, 64  # a sample of tiles, for estimating the stain


@dataclass(frozen=True)
class Options:
    """How tiles are cut and read; none of it but tile_um and context_rings changes the features.

    tile_um: side for the record; context_rings: further crops of 2, 3, ... times the side;
    workers: threads; batch: tiles read at a time by each of them.
    """

    tile_um: float = 100.0
    context_rings: int = 0
    workers: int = 1
    batch: int = 32

    def __post_init__(self) -> None:
        for name, least in (("context_rings", 0), ("workers", 1), ("batch", 1)):
            if getattr(self, name) < least:
                raise SettingsError(f"{name} must be at least {least}, got {getattr(self, name)}")


def encode_slice(
    picture: Picture,
    xy: np.ndarray,
    side: float,
    encoder: Encoder,
    options: Options,
    stain_method: str = "none",
    stain_reference: np.ndarray | None = None,
) -> tuple[ImageFeatures, tuple[str, ...]]:
    """Features of every spot, and the warnings of the stain normalisation.

    xy: (N, 2) spots and side: side of a tile, in full-resolution pixels; stain_reference: (H, W, 3)
    uint8. Raises InputError where the encoder gives values that are not finite.
    """
    slide, registration = picture.slide, picture.registration
    centres, image_side = registration.apply(xy), side * registration.scale
    overview = slide.overview(OVERVIEW_SIDE)
    to_overview = registration.scaled(overview.shape[1] / slide.size[0])
    mask = tissue_mask(overview)

    sample = centres[spread_out(centres, image_side, STAIN_TILES)]
    tiles = None if stain_method == "none" else read_tiles(slide, sample, image_side, STAIN_TILE_PX)
    normaliser = fit_normaliser(stain_method, overview, mask, stain_reference, tiles)

    shown = spread_out(centres, image_side, N_SHOWN)
    before = read_tiles(slide, centres[shown], image_side, encoder.tile_px, encoder.resample)
    small = array_slide(overview, "overview").overview(SHOWN_SIDE)
    result = ImageFeatures(
        features=encode_spots(slide, centres, image_side, encoder, options, normaliser),
        names=_names(encoder, options.context_rings),
        background=background_share(mask, xy, side, to_overview),
        encoder=encoder.name,
        tile_um=options.tile_um,
        tile_px=image_side,
        side_px=side,
        shown=shown,
        tiles_before=before,
        tiles_after=normaliser.apply(before),
        overview_before=small,
        overview_after=normaliser.apply(small),
        overview_matrix=to_overview.scaled(small.shape[1] / overview.shape[1]).matrix,
        weights_sha256=getattr(encoder, "weights_sha256", ""),
        stain_method=stain_method,
    )
    return result, normaliser.warnings


def encode_spots(
    slide: Slide,
    centres: np.ndarray,
    side: float,
    encoder: Encoder,
    options: Options,
    normaliser: Normaliser | None = None,
) -> np.ndarray:
    """Features (N, F) float32, row i from the tile around centres[i], whatever finishes first.

    centres: (N, 2) and side in pixels of the slide. Encoders that allow it run in the threads that read,
    others in this one. At most two batches per worker are held.
    """
    normaliser = normaliser or Identity()
    rings = range(1, options.context_rings + 2)
    features = np.empty((len(centres), len(rings) * encoder.dim), np.float32)
    order = reading_order(centres, side)
    batches = [order[start : start + options.batch] for start in range(0, len(order), options.batch)]

    def read(indices: np.ndarray) -> list[np.ndarray]:
        crops = [
            read_tiles(slide, centres[indices], ring * side, encoder.tile_px, encoder.resample)
            for ring in rings
        ]
        return [normaliser.apply(tiles) for tiles in crops]

    def encode(crops: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([encoder.encode(tiles) for tiles in crops], axis=1)

    in_threads = encoder.runs_in_threads
    work = (lambda indices: encode(read(indices))) if in_threads else read
    # Small products in several threads: a second level of threads inside them costs many times the work
    with threadpool_limits(1, "blas") if in_threads else nullcontext():
        for indices, value in _as_completed(work, batches, options.workers):
            features[indices] = value if in_threads else encode(value)
    if not np.isfinite(features).all():
        spot = int(np.argmax(~np.isfinite(features).all(axis=1)))
        raise InputError(
            f"encoder {encoder.name} gave values that are not finite, first for spot number {spot + 1}; are "
            f"its weights damaged?"
        )
    return features


def _as_completed(work: Any, batches: list[np.ndarray], workers: int) -> Iterator[tuple[np.ndarray, Any]]:
    """Pairs of a batch and what `work` made of it, in any order, few at a time."""
    if workers == 1:
        yield from ((batch, work(batch)) for batch in batches)
        return
    waiting: dict[Future, np.ndarray] = {}
    with ThreadPoolExecutor(workers) as pool:
        for batch in batches:
            waiting[pool.submit(work, batch)] = batch
            if len(waiting) >= 2 * workers:
                yield from _collect(waiting, FIRST_COMPLETED)
        while waiting:
            yield from _collect(waiting, FIRST_COMPLETED)


def _collect(waiting: dict[Future, np.ndarray], until: str) -> Iterator[tuple[np.ndarray, Any]]:
    done, _ = wait(waiting, return_when=until)
    for future in done:
        yield waiting.pop(future), future.result()


def _names(encoder: Encoder, context_rings: int) -> np.ndarray:
    wider = [f"{name}_x{ring}" for ring in range(2, context_rings + 2) for name in encoder.names]
    return np.array([*encoder.names, *wider])

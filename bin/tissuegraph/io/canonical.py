"""One form for every platform: whatever a reader found becomes the canonical AnnData, or is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.io.request import Warn
from tissuegraph.io.scale import ASSUMED, COLUMN, IMAGE, LATTICE, PLATFORM, settled

if TYPE_CHECKING:
    import anndata
    import pandas as pd

CHUNK = 1 << 22  # values per look at the data: bounds the memory of a check
MOST_COUNTS = 1 << 24  # up to here every whole number is a float32
VISIUM_PITCH_UM = 100.0  # centre to centre, all Visium arrays with 55 um spots


@dataclass
class RawSlice:
    """What a reader hands over: N spots, G genes, nothing checked yet.

    counts: (N, G) dense or sparse, None for spots that were not sequenced; barcodes: (N,) str;
    gene_ids, gene_symbols: (G,) str; xy: (N, 2) full-resolution pixels; array_position: (N, 2) row and
    column, or None; annotation: (N,) labels with None where missing, or None; images: name to (H, W, 3)
    uint8; fluorescence: these are no histology; scalefactors: Space Ranger's names; um_per_px: None where
    the platform does not say; um_by_column, um_by_image: the same by the samplesheet, and by the file in its
    column image with the name of the field; assumed_spacing: micrometres between neighbouring spots where
    none of these says anything; image_px: pixels of that file per full-resolution pixel, None unless it is
    the full-resolution image; in_tissue: (N,) bool, or None; feature_types: (G,) str, or None;
    groups: name to (N,) values that may tell slices apart; obs: table of N rows, numbers or text, with what
    else the platform says of each spot, or None; var: the same of each gene, G rows; obsm, layers: name
    to (N, ...) and to (N, G), dense or sparse; n_controls: features that were left out as controls; origin:
    the platform that a result of ours was first read from.
    """

    platform: str
    counts: Any
    barcodes: np.ndarray
    gene_ids: np.ndarray
    gene_symbols: np.ndarray
    xy: np.ndarray
    array_position: np.ndarray | None = None
    annotation: np.ndarray | None = None
    images: dict[str, np.ndarray] = field(default_factory=dict)
    scalefactors: dict[str, float] = field(default_factory=dict)
    fluorescence: bool = False
    um_per_px: float | None = None
    um_by_column: float | None = None
    um_by_image: tuple[float, str] | None = None
    assumed_spacing: float | None = None
    image_px: float | None = None
    in_tissue: np.ndarray | None = None
    feature_types: np.ndarray | None = None
    groups: dict[str, np.ndarray] = field(default_factory=dict)
    obs: pd.DataFrame | None = None
    obsm: dict[str, np.ndarray] = field(default_factory=dict)
    var: pd.DataFrame | None = None
    layers: dict[str, Any] = field(default_factory=dict)
    n_controls: int = 0
    origin: str | None = None

    def select(self, spots: np.ndarray) -> RawSlice:
        """The spots of a mask (N,) only."""
        per_spot = ("counts", "barcodes", "xy", "array_position", "annotation", "in_tissue")
        values = {name: getattr(self, name) for name in per_spot}
        kept = {name: None if v is None else v[spots] for name, v in values.items()}
        kept["obs"] = None if self.obs is None else self.obs.iloc[np.flatnonzero(spots)]
        kept["obsm"] = {name: array[spots] for name, array in self.obsm.items()}
        kept["layers"] = {name: layer[spots] for name, layer in self.layers.items()}
        return replace(self, **kept, groups={name: values[spots] for name, values in self.groups.items()})

    def select_genes(self, genes: np.ndarray) -> RawSlice:
        """The genes of a mask (G,) only."""
        columns = np.flatnonzero(genes)
        return replace(
            self,
            counts=self.counts[:, columns],
            gene_ids=self.gene_ids[genes],
            gene_symbols=self.gene_symbols[genes],
            feature_types=None if self.feature_types is None else self.feature_types[genes],
            var=None if self.var is None else self.var.iloc[columns],
            layers={name: layer[:, columns] for name, layer in self.layers.items()},
        )


def without_counts(
    platform: str, barcodes: np.ndarray, xy: np.ndarray, array_position: np.ndarray | None = None
) -> RawSlice:
    """Spots that were not sequenced: barcodes (N,), xy (N, 2), array_position (N, 2) or None."""
    nothing = np.zeros(0, dtype=str)
    return RawSlice(platform, None, barcodes, nothing, nothing, xy, array_position)


def to_canonical(raw: RawSlice, sample: str, warn: Warn, note: Warn | None = None) -> anndata.AnnData:
    """Check a slice and put it into the canonical form.

    Returns AnnData with X (N, G) float32 CSR raw counts, obsm['spatial'] (N, 2) float64 pixels,
    var['gene_id'] and var['gene_symbol'], obs['annotation'] where known, the platform's own columns in obs
    and var, its arrays and layers, images and settings in uns.
    A slice without counts has zero genes, and says so in uns['tissuegraph']['has_counts'].
    Raises InputError for what is not a slice of raw counts with a position per spot.
    """
    import anndata
    import pandas as pd

    barcodes = unique_barcodes(raw.barcodes)
    has_counts = raw.counts is not None
    counts = raw_counts(raw.counts) if has_counts else sparse.csr_matrix((len(barcodes), 0), dtype=np.float32)
    xy = checked_positions(raw.xy, len(barcodes), warn)
    pitch = nearest_neighbour_distance(xy)

    symbols = np.asarray(raw.gene_symbols, dtype=str)
    names = unique_names(symbols)
    n_repeated = int((names != symbols).sum())
    if n_repeated:
        told = f"{n_repeated} gene names were not unique and got a suffix, e.g. {names[names != symbols][0]}"
        (note or warn)(told)

    obs = pd.DataFrame(index=pd.Index(barcodes.astype(object)))
    if raw.array_position is not None:
        obs[keys.ARRAY_ROW], obs[keys.ARRAY_COL] = np.asarray(raw.array_position, dtype=np.int64).T
    if raw.annotation is not None:
        obs[keys.ANNOTATION] = pd.Categorical(raw.annotation)
    if raw.obs is not None:
        for name, new in _named(raw.obs, raw.platform, keys.is_own_column).items():
            obs[new] = raw.obs[name].array
    var = pd.DataFrame(
        {
            keys.GENE_ID: np.asarray(raw.gene_ids, dtype=str).astype(object),
            keys.GENE_SYMBOL: symbols.astype(object),
        },
        index=pd.Index(names.astype(object)),
    )
    if raw.var is not None:
        for name, new in _named(raw.var, raw.platform, keys.is_own_of_gene).items():
            var[new] = raw.var[name].array
    settings: dict[str, Any] = {
        "sample": sample,
        "platform": raw.origin or raw.platform,
        keys.PITCH_PX: pitch,
    }
    if not has_counts:
        settings[keys.HAS_COUNTS] = False
    if raw.n_controls:
        settings[keys.N_CONTROLS] = raw.n_controls
    if scale := settled(_scales(raw, pitch), warn) or _assumed(raw, pitch, note or warn):
        settings[keys.UM_PER_PX], settings[keys.UM_PER_PX_SOURCE] = scale
    uns: dict[str, Any] = {keys.TISSUEGRAPH: settings}
    if raw.images:
        settings |= {keys.FLUORESCENCE: True} if raw.fluorescence else {}
        uns[keys.SPATIAL] = {sample: {"images": raw.images, "scalefactors": raw.scalefactors}}
    arrays = _named(raw.obsm, raw.platform, keys.is_own_array)
    obsm = {new: raw.obsm[name] for name, new in arrays.items()}
    matrices = _named(raw.layers, raw.platform, keys.COUNTS.__eq__)
    layers = {new: raw.layers[name] for name, new in matrices.items()}
    return anndata.AnnData(
        X=counts, obs=obs, var=var, obsm={**obsm, keys.SPATIAL: xy}, layers=layers, uns=uns
    )


def _scales(raw: RawSlice, pitch: float) -> dict[str, float | None]:
    """Source -> micrometres per full-resolution pixel, the one to be believed first."""
    by_image, field = raw.um_by_image or (None, "")
    of_lattice = raw.platform == "visium" and raw.um_per_px is None and pitch > 0
    return {
        COLUMN: raw.um_by_column,
        PLATFORM: raw.um_per_px,
        f"{IMAGE} ({field})": by_image,
        LATTICE: VISIUM_PITCH_UM / pitch if of_lattice else None,
    }


def _assumed(raw: RawSlice, pitch: float, tell: Callable[[str], None]) -> tuple[float, str] | None:
    """The scale by the spacing of spots that the user assumes, which is told."""
    if raw.assumed_spacing is None or not pitch > 0:
        return None
    tell(
        f"nothing says how many micrometres a pixel has: neighbouring spots ({pitch:.4g} px) are taken to be "
        f"{raw.assumed_spacing:g} um apart, as --assume_spacing says"
    )
    return raw.assumed_spacing / pitch, ASSUMED


def _named(names: Iterable[str], platform: str, is_own: Callable[[str], bool]) -> dict[str, str]:
    """Name -> the same, or with the platform in front where the pipeline uses it; no two become one.

    A slash would make a group of an HDF5 file, so it becomes a dot.
    """
    plain = {name: str(name).replace("/", ".") for name in names}
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(plain, key=lambda name: is_own(plain[name])):  # what may keep its name comes first
        new = plain[name]
        while is_own(new) or new in taken:
            new = f"{platform}_{new}"
        found[name] = new
        taken.add(new)
    return {name: found[name] for name in plain}


def raw_counts(matrix: Any) -> sparse.csr_matrix:
    """Counts (N, G) as float32 CSR without stored zeros.

    Raises InputError for an empty matrix and for values that are not counts.
    """
    n_spots, n_genes = matrix.shape
    if n_spots == 0 or n_genes == 0:
        raise InputError(f"the matrix is empty: {n_spots} spots x {n_genes} genes")
    try:
        counts = sparse.csr_matrix(matrix)
        counts.check_format(full_check=True)
    except ValueError as error:
        raise InputError(f"the matrix is damaged ({error}); write the file again") from error
    odd = first_non_count(counts.data)
    if odd is not None:
        raise InputError(
            f"expected raw counts (whole numbers of at least 0), found {odd:.6g}: the values look normalised "
            f"or scaled; give the raw counts, in an h5ad in X or layers['counts']"
        )
    counts.sum_duplicates()
    most = counts.data.max(initial=0)
    if most > MOST_COUNTS:
        raise InputError(
            f"a spot has {most:.6g} counts of one gene; at most {MOST_COUNTS:,} can be told apart, and no "
            f"spot has "
            f"as many: give raw counts"
        )
    counts = counts.astype(np.float32)
    counts.eliminate_zeros()
    if counts.nnz == 0:
        raise InputError(f"the matrix is empty: all {n_spots} x {n_genes} counts are 0")
    return counts


def first_non_count(values: np.ndarray) -> float | None:
    """The first stored value that is no count (negative, fractional, NaN, infinite); None if all are."""
    if values.dtype.kind in "bu":
        return None
    for start in range(0, values.size, CHUNK):
        part = values[start : start + CHUNK]
        bad = part < 0
        if values.dtype.kind == "f":
            bad |= ~np.isfinite(part) | (part != np.rint(part))
        if bad.any():
            return float(part[np.argmax(bad)])
    return None


def unique_barcodes(barcodes: np.ndarray) -> np.ndarray:
    """Barcodes (N,) as str; raises InputError if one appears twice."""
    barcodes = np.asarray(barcodes, dtype=str)
    values, counts = np.unique(barcodes, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"{int((counts > 1).sum())} barcodes appear more than once, e.g. {values[counts > 1][0]}; each "
            f"spot needs its own (were slices joined into one file? give them as one row each)"
        )
    return barcodes


def unique_names(names: np.ndarray) -> np.ndarray:
    """Repeated names (G,) get a suffix: A, A, B, A become A, A-1, B, A-2."""
    names = np.asarray(names, dtype=object)
    taken = set(names)
    seen: dict[str, int] = {}
    result = []
    for name in names:
        new = name
        while name in seen and new in taken:
            seen[name] += 1
            new = f"{name}-{seen[name]}"
        seen.setdefault(name, 0)
        taken.add(new)
        result.append(new)
    return np.asarray(result, dtype=str)


def checked_positions(xy: Any, n_spots: int, warn: Warn) -> np.ndarray:
    """Positions (N, 2) as float64; raises InputError where they are no positions on a plane."""
    try:
        xy = np.asarray(xy, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            "the coordinates are not numbers; expected x and y in full-resolution pixels"
        ) from error
    check_positions_shape(xy.shape, n_spots)
    bad = ~np.isfinite(xy).all(axis=1)
    if bad.any():
        raise InputError(
            f"{int(bad.sum())} of {n_spots} spots have coordinates that are NaN or infinite, the first is "
            f"number {int(np.argmax(bad)) + 1}; remove these spots or give them positions"
        )
    n_places = len(np.unique(xy, axis=0))
    if n_spots > 1 and n_places == 1:
        raise InputError(f"all {n_spots} spots have the same coordinates; expected one position per spot")
    if n_places < n_spots:
        warn(f"{n_spots - n_places} of {n_spots} spots share their coordinates with another spot")
    return xy


def check_positions_shape(shape: tuple[int, ...] | None, n_spots: int) -> None:
    """Raise InputError for coordinates that are not x and y of every spot."""
    if shape != (n_spots, 2):
        raise InputError(
            f"the coordinates have shape {shape}; expected ({n_spots}, 2): x and y of every spot in "
            f"full-resolution pixels"
        )


def nearest_neighbour_distance(xy: np.ndarray) -> float:
    """The pitch: median distance (pixels) from a spot of xy (N, 2) to its nearest other; NaN for one spot.

    Measured here, over all spots, and nowhere else: later steps read it from the slice.
    Raises InputError where more than half of the spots lie on top of each other.
    """
    from scipy.spatial import cKDTree

    if len(xy) < 2:
        return float("nan")
    distance, _ = cKDTree(xy).query(xy, k=2)
    pitch = float(np.median(distance[:, 1]))
    if pitch == 0:
        raise InputError(
            "more than half of the spots share their coordinates; expected one position per spot"
        )
    return pitch

"""Which platforms can be read: facts that samplesheet, command line and readers share, without any import.

A reader is a module with `detect(path) -> bool`, whether a path looks like its platform's output, and
`read(request) -> RawSlice`, see tissuegraph.io.request.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One platform.

    name: in the samplesheet; holds: what `path` is, in words; reader: module that reads it; suffixes: endings
    of `path`; folder: whether it may be a directory of any name; counts: whether its slices can have counts;
    columns: of the samplesheet that say what is read; unit: what one count is, `counts` where the files of
    several technologies are read.
    """

    name: str
    holds: str
    reader: str
    suffixes: tuple[str, ...] = ()
    folder: bool = False
    counts: bool = True
    columns: tuple[str, ...] = ()
    unit: str = "counts"

    def fits(self, suffix: str) -> bool:
        """Whether a path with this ending (lower case, with its dot) may be the platform's output."""
        return suffix in self.suffixes or (self.folder and suffix not in _KNOWN_SUFFIXES)


PLATFORMS = {
    platform.name: platform
    for platform in (
        Platform(
            name="xenium",
            holds="a Xenium output directory",
            unit="transcripts",
            reader="tissuegraph.io.readers.xenium",
            folder=True,
        ),
        Platform(
            name="cosmx",
            holds="a directory of CosMx flat files",
            unit="transcripts",
            reader="tissuegraph.io.readers.cosmx",
            folder=True,
        ),
        Platform(
            name="merscope",
            holds="the directory of a MERSCOPE region",
            unit="transcripts",
            reader="tissuegraph.io.readers.merscope",
            folder=True,
        ),
        Platform(
            name="spatialdata",
            holds="a SpatialData .zarr",
            reader="tissuegraph.io.readers.spatialdata_zarr",
            suffixes=(".zarr",),
            folder=True,
            columns=("table", "coordinate_system", "library"),
        ),
        Platform(
            name="visium_hd_cells",
            holds="segmented_outputs of Space Ranger 4",
            unit="UMIs",
            reader="tissuegraph.io.readers.visium_hd_cells",
            folder=True,
        ),
        Platform(
            name="slideseq",
            holds="a directory of Slide-seq bead locations and expression",
            unit="UMIs",
            reader="tissuegraph.io.readers.slideseq",
            folder=True,
        ),
        Platform(
            name="mtx",
            holds="a directory of matrix.mtx and coordinates.csv",
            reader="tissuegraph.io.readers.mtx",
            folder=True,
        ),
        Platform(  # after all others that are directories: it takes any
            name="visium",
            holds="a Space Ranger outs directory",
            unit="UMIs",
            reader="tissuegraph.io.spaceranger",
            folder=True,
            columns=("bin_um",),
        ),
        Platform(  # before h5ad, among whose files it finds its own
            name="stereoseq",
            holds="a Stereo-seq .gef",
            unit="UMIs",
            reader="tissuegraph.io.readers.stereoseq",
            suffixes=(".gef", ".h5ad"),
            columns=("bin_um", "library"),
        ),
        Platform(
            name="h5ad",
            holds="an .h5ad file",
            reader="tissuegraph.io.h5ad",
            suffixes=(".h5ad",),
            columns=("library",),
        ),
        Platform(
            name="positions",
            holds="a table of positions",
            reader="tissuegraph.io.positions",
            suffixes=(".csv", ".tsv", ".txt", ".parquet"),
            counts=False,
        ),
    )
}
_KNOWN_SUFFIXES = frozenset(suffix for platform in PLATFORMS.values() for suffix in platform.suffixes)
COLUMNS = tuple(dict.fromkeys(name for platform in PLATFORMS.values() for name in platform.columns))
WITH_COUNTS = tuple(name for name, platform in PLATFORMS.items() if platform.counts)
POSITION_SUFFIXES = tuple(suffix for p in PLATFORMS.values() if not p.counts for suffix in p.suffixes)


def unit_of(platform: object) -> str:
    """What one count of a platform is: UMIs, transcripts, or counts where that is not known."""
    found = PLATFORMS.get(str(platform))
    return found.unit if found else "counts"


def expected(names: tuple[str, ...] = WITH_COUNTS) -> str:
    """What a path should be, in words: `a Space Ranger outs directory or an .h5ad file`, with all others."""
    *first, last = [PLATFORMS[name].holds for name in names]
    return f"{', '.join(first)} or {last}" if first else last

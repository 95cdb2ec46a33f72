"""MERSCOPE: one region's directory with `cell_by_gene.csv` and `cell_metadata.csv`.

Transcripts, boundaries and mosaic images are not read.
"""

from __future__ import annotations

import re
from pathlib import Path

from tissuegraph.errors import InputError
from tissuegraph.io.canonical import RawSlice
from tissuegraph.io.readers.cell_tables import read_cells, read_counts, read_header
from tissuegraph.io.readers.cells import find, match
from tissuegraph.io.request import Request

# The second pattern of each is how published data call them
COUNTS = ("cell_by_gene.csv", "cell_by_gene.csv.gz", "*cell_by_gene*.csv", "*cell_by_gene*.csv.gz")
METADATA = ("cell_metadata.csv", "cell_metadata.csv.gz", "*cell_metadata*.csv", "*cell_metadata*.csv.gz")
X, Y = "center_x", "center_y"  # micrometres
KEPT = re.compile(
    r"fov|volume|anisotropy|transcript_count|perimeter_area_ratio|solidity|.+_(raw|high_pass)", re.IGNORECASE
)


def detect(path: Path) -> bool:
    """A directory with a table of cells by genes, or with Vizgen's table of cells."""
    return path.is_dir() and any(any(path.glob(pattern)) for pattern in (*COUNTS, *METADATA[:2]))


# spatialdata-io's reader needs the transform of the mosaic images, and makes the counts dense
def read(request: Request) -> RawSlice:
    """Read counts and metadata of one region; the first column of both names the cells.

    Positions are centres in micrometres. Raises InputError.
    """
    request.refuse_annotation_column("for MERSCOPE data ")
    path = request.path
    counts_path, metadata_path = find(path, *COUNTS), find(path, *METADATA)
    if counts_path is None or metadata_path is None:
        lacking = COUNTS[0] if counts_path is None else METADATA[0]
        raise InputError(f"{path.name} lacks {lacking} (or .csv.gz); copy the directory again")
    title = (read_header(metadata_path, metadata_path.name) or [""])[0]
    cells = read_cells(metadata_path, metadata_path.name, [title], [X, Y], KEPT)
    # ids have up to 39 digits: text, as numbers they would be rounded
    table = read_counts(counts_path, counts_path.name, lambda column, _title: column == 0)
    barcodes = table.ids.iloc[:, 0].str.strip().to_numpy(str)
    order = match(barcodes, cells[title].to_numpy(str), (counts_path.name, metadata_path.name), request.warn)
    kept = order >= 0
    cells = cells.iloc[order[kept]]
    return RawSlice(
        platform="merscope",
        counts=table.counts[kept],
        barcodes=barcodes[kept],
        gene_ids=table.genes,
        gene_symbols=table.genes,
        xy=cells[[X, Y]].to_numpy(),
        um_per_px=1.0,
        obs=cells.drop(columns=[title, X, Y]),
    )

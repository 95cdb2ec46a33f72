"""Small GEF files, with the groups, records and attributes that SAW writes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

# gene, x, y, count: DNB of bin1, gene by gene
MOLECULES = [
    ("Mbp", 0, 0, 1), ("Mbp", 3, 9, 2), ("Mbp", 12, 1, 4),
    ("Plp1", 9, 9, 3), ("Plp1", 10, 19, 5), ("Plp1", 19, 10, 1),
]  # fmt: skip
GENES = ["Mbp", "Plp1"]
IDS = ["ENSMUSG1", "ENSMUSG2"]
EXPRESSION = np.dtype([("x", "<u4"), ("y", "<u4"), ("count", "u1")])


def gene_records(counts, old=False):
    names = [("gene", "S64")] if old else [("geneID", "S64"), ("geneName", "S64")]
    records = np.zeros(len(counts), dtype=[*names, ("offset", "<u4"), ("count", "<u4")])
    records["count"], records["offset"] = counts, np.concatenate([[0], np.cumsum(counts)])[:-1]
    records[names[-1][0]] = GENES
    if not old:
        records["geneID"] = IDS
    return records


def write_bins(file: h5py.File, size: int, molecules, resolution=500, old=False) -> None:
    group = file.create_group(f"geneExp/bin{size}")
    group["gene"] = gene_records([sum(m[0] == gene for m in molecules) for gene in GENES], old)
    expression = group.create_dataset(
        "expression",
        data=np.array([m[1:] for m in molecules], dtype=EXPRESSION),
        chunks=(2,),
        compression="gzip",
    )
    xy = np.array([m[1:3] for m in molecules])
    for name, value in zip(("minX", "minY", "maxX", "maxY"), (*xy.min(0), *xy.max(0)), strict=True):
        expression.attrs[name] = np.uint32(value)
    if resolution:
        expression.attrs["resolution"] = np.uint32(resolution)


def write_gef(path: Path, sizes=((1, MOLECULES),), **options) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["version"] = np.uint32(2)
        for size, molecules in sizes:
            write_bins(file, size, molecules, **options)
    return path


def write_cellbin_gef(path: Path) -> Path:
    """Three cells: 2 Mbp and 1 Plp1; 4 Plp1; 3 Mbp."""
    fields = [(name, "<u4") for name in ("id", "offset")] + [(name, "<i4") for name in ("x", "y")]
    fields += [(name, "<u2") for name in ("geneCount", "expCount", "dnbCount", "area")]
    cells = np.zeros(3, dtype=fields)
    cells["id"], cells["x"], cells["y"] = [7, 8, 9], [100, 140, 100], [50, 50, 90]
    cells["geneCount"], cells["offset"], cells["expCount"] = [2, 1, 1], [0, 2, 3], [3, 4, 3]
    cells["area"], cells["dnbCount"] = [300, 400, 500], [30, 40, 50]
    expression = np.array([(0, 2), (1, 1), (1, 4), (0, 3)], dtype=[("geneID", "<u4"), ("count", "<u2")])
    genes = np.zeros(2, dtype=[("geneName", "S64"), ("offset", "<u4"), ("cellCount", "<u4")])
    genes["geneName"], genes["offset"], genes["cellCount"] = GENES, [0, 2], [2, 2]
    with h5py.File(path, "w") as file:
        file["cellBin/cell"], file["cellBin/cellExp"], file["cellBin/gene"] = cells, expression, genes
        file["cellBin/cellBorder"] = np.zeros((3, 32, 2), np.int16)
    return path

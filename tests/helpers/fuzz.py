"""Slices with something wrong, by seed, and what the readers make of them.

Each case runs in a process of its own: a crash of a library, an endless wait or a greedy read end that
process and are told apart. Run by hand with many seeds: `python tests/helpers/fuzz.py $(seq 0 5000)`.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import h5py
import numpy as np

TESTS = Path(__file__).resolve().parents[1]
N_SPOTS, N_GENES = 30, 12
SECONDS, MEMORY = 20, 6 << 30  # of one case
LONGEST = 600  # characters of a line for people
KINDS = ("h5ad", "outs_h5", "outs_mtx", "image", "table")
IMAGING = ("xenium", "cosmx", "merscope")
FIRST_IMAGING = 1_000_000  # seeds from here on are of these kinds, so that older ones mean what they meant


def build(folder: Path, kind: str) -> dict:
    """Write one good input of a kind; what the reader is asked for, with the file or folder in `path`."""
    import anndata
    import pandas as pd
    from PIL import Image
    from scipy import sparse

    from helpers import imaging_tiny

    if kind in IMAGING:
        return {"path": getattr(imaging_tiny, f"write_{kind}")(folder / "run"), "platform": kind}
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(2, (N_SPOTS, N_GENES)).astype(np.float32))
    row, col = np.divmod(np.arange(N_SPOTS), 6)
    xy = np.stack([col * 20.0 + 10, row * 20.0 + 10], axis=1)
    barcodes = ["".join(rng.choice(list("ACGT"), 16)) + "-1" for _ in range(N_SPOTS)]
    picture = rng.integers(0, 255, (60, 65, 3)).astype(np.uint8)
    if kind in ("h5ad", "image"):
        obs = pd.DataFrame({"in_tissue": 1, "array_row": row, "array_col": col}, index=barcodes)
        obs["layer"] = pd.Categorical(np.where(col < 3, "a", "b"))
        obs["sample"] = "one"
        var = pd.DataFrame({"feature_types": "Gene Expression"}, index=[f"g{n}" for n in range(N_GENES)])
        data = anndata.AnnData(counts, obs=obs, var=var, obsm={"spatial": xy})
        factors = {"tissue_hires_scalef": 0.5, "spot_diameter_fullres": 10.0}
        data.uns["spatial"] = {"one": {"images": {"hires": picture}, "scalefactors": factors}}
        if kind == "image":
            del data.uns["spatial"]
        data.write_h5ad(folder / "a.h5ad")
        request = {"path": folder / "a.h5ad", "annotation": "layer"}
        if kind == "image":
            request["image"] = folder / "he.png"
            Image.fromarray(np.kron(picture, np.ones((2, 2, 1), np.uint8))).save(folder / "he.png")
        return request
    outs = folder / "outs"
    (outs / "spatial").mkdir(parents=True)
    _write_matrix(outs, counts, barcodes, kind)
    header = "barcode,in_tissue,array_row,array_col,pxl_row_in_fullres,pxl_col_in_fullres\n"
    lines = [f"{b},1,{r},{c},{y},{x}\n" for b, r, c, (x, y) in zip(barcodes, row, col, xy, strict=True)]
    (outs / "spatial" / "tissue_positions.csv").write_text(header + "".join(lines))
    factors = {"spot_diameter_fullres": 10.0, "tissue_hires_scalef": 0.5, "tissue_lowres_scalef": 0.1}
    (outs / "spatial" / "scalefactors_json.json").write_text(json.dumps(factors))
    Image.fromarray(picture).save(outs / "spatial" / "tissue_hires_image.png")
    (folder / "labels.csv").write_text(
        "barcode,label\n" + "".join(f"{b},L{n % 3}\n" for n, b in enumerate(barcodes))
    )
    return {"path": outs, "annotation": str(folder / "labels.csv")}


def _write_matrix(outs: Path, counts, barcodes: list[str], kind: str) -> None:
    from scipy.io import mmwrite

    ids, names = [f"ENSG{n}" for n in range(N_GENES)], [f"G{n}" for n in range(N_GENES)]
    if kind != "outs_mtx":
        with h5py.File(outs / "filtered_feature_bc_matrix.h5", "w") as file:
            group = file.create_group("matrix")
            group["data"], group["indices"], group["indptr"] = (
                counts.data.astype(int),
                counts.indices,
                counts.indptr,
            )
            group["shape"], group["barcodes"] = np.array(counts.shape[::-1]), np.array(barcodes, "S")
            group["features/id"], group["features/name"] = np.array(ids, "S"), np.array(names, "S")
            group["features/feature_type"] = np.array(["Gene Expression"] * N_GENES, "S")
        return
    folder = outs / "filtered_feature_bc_matrix"
    folder.mkdir()
    mmwrite(folder / "matrix.mtx", counts.T.astype(int).tocoo())
    (folder / "barcodes.tsv.gz").write_bytes(gzip.compress("\n".join(barcodes).encode()))
    features = "\n".join(f"{i}\t{n}\tGene Expression" for i, n in zip(ids, names, strict=True))
    (folder / "features.tsv.gz").write_bytes(gzip.compress(features.encode()))


def attempt(seed: int) -> str:
    """One case: `read`, `refused: ...`, or what went wrong."""
    from helpers.odd_files import mutate

    rng = np.random.default_rng(seed)
    kinds = IMAGING if seed >= FIRST_IMAGING else KINDS
    kind = kinds[seed % len(kinds)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        request = build(folder, kind)
        mutate(folder, kind, rng)
        return in_a_process(lambda: read(request, folder))


def read(request: dict, folder: Path) -> str:
    from tissuegraph.errors import InputError
    from tissuegraph.io.reading import describe, read_slice
    from tissuegraph.io.request import Request

    try:
        lines: list[str] = []
        result = read_slice(Request(sample="S", warn=lines.append, **request))
        describe(result)
        result.write_h5ad(folder / "written.h5ad")
        if any("\n" in line or len(line) > LONGEST for line in lines):
            return f"failed: no line for people: {lines!r}"
        return "read"
    except InputError as error:
        line = str(error)
        if len(line) > LONGEST or not line.isprintable():
            return f"failed: no line for people: {line!r}"
        return f"refused: {line}"


def in_a_process(work: Callable[[], str]) -> str:
    """What `work` returns in a child that may take SECONDS and MEMORY, or how the child ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            answer = work()
        except BaseException as error:
            import traceback

            frames = traceback.extract_tb(error.__traceback__)
            own = next((f for f in reversed(frames) if "tissuegraph" in f.filename), frames[-1])
            answer = f"failed: {type(error).__name__}: {error} ({own.name}:{own.lineno})"
        os.write(writing, answer.encode(errors="replace")[:60_000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "failed: no end" if number == signal.SIGALRM else f"crashed: {signal.Signals(number).name}"
    return answer or "failed: no answer"


def main(seeds: Iterable[int]) -> None:
    """Print what failed, then how many were read, refused and crashed."""
    import warnings

    warnings.simplefilter("ignore")
    # Imported once, before the children
    import anndata  # noqa: F401
    import scipy.spatial  # noqa: F401

    import tissuegraph.io

    for module in iter_modules(tissuegraph.io.__path__, "tissuegraph.io."):
        import_module(module.name)

    ends: dict[str, int] = {}
    for seed in seeds:
        answer = attempt(seed)
        ends[answer.partition(":")[0]] = ends.get(answer.partition(":")[0], 0) + 1
        if answer.startswith(("failed", "crashed")):
            print(json.dumps([seed, answer[:400]]), flush=True)
    print(json.dumps(ends))


if __name__ == "__main__":
    sys.path[:0] = [str(TESTS), str(TESTS.parent / "bin")]
    main(map(int, sys.argv[1:]))

"""Does every method train on a GPU, do CPU and GPU agree, and what does it take?

Needs what the bare Python of a GPU machine has: torch, torch-geometric, scikit-learn, scipy and pandas.

    python tests/benchmark/on_gpu.py                      # tables for docs/benchmarks.md, in under 8 minutes
    python tests/benchmark/on_gpu.py --only expression --expression 500000             # 5 minutes more
    python tests/benchmark/on_gpu.py --sizes 3600 50000   # spots of the generated slices
    python tests/benchmark/on_gpu.py --only train --precisions float32 bfloat16
    python tests/benchmark/on_gpu.py --only teach --teach 2x3600 3x100000   # one part: teachers x cells

Slices are generated, those to train on by processes beside the first parts. Beyond 100,000 spots they are
cells of an imaging panel (500 genes, 200 counts), else 2,000 genes and 1,500 counts. Agreement is that of one
short training from the same start without dropout, masks and sampled negatives: their random numbers are the
device's own. Rounding differs, so the embeddings drift apart with the epochs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # or threads beside other work wait by burning its cores

import numpy as np
import torch
from scipy import sparse

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests")]

from helpers.paired import PairedSettings, paired_slices  # noqa: E402
from helpers.scale import CELL_SPACING_UM, large_cells  # noqa: E402

from tissuegraph.io.stored import StoredSlice  # noqa: E402
from tissuegraph.methods import DOMAINS, METHODS  # noqa: E402
from tissuegraph.presets import settings_from_dict  # noqa: E402
from tissuegraph.regions.fitting import NetworkOptions, fit_model  # noqa: E402
from tissuegraph.regions.members import NETWORK  # noqa: E402
from tissuegraph.regions.model import ask  # noqa: E402
from tissuegraph.regions.sections import Source  # noqa: E402
from tissuegraph.regions.teaching import teach  # noqa: E402
from tissuegraph.slices.arrays import SliceArrays  # noqa: E402
from tissuegraph.slices.build import build_arrays  # noqa: E402
from tissuegraph.slices.partition import spatial_parts  # noqa: E402

PITCH_PX = 137.0
PANEL_FROM = 100_000  # spots from which slices are cells of an imaging panel
IMAGE_FEATURES = 119  # as many as the handcrafted encoder has
PANEL_GENES = 1000  # inferred; all are asked for, as ranking genes needs a library that is not there
LARGEST_TARGET = 50_000  # spots whose expression is inferred in one row
PRECISIONS = ("float32", "bfloat16")
# In an order in which the longest arrays are ready when training begins
PARTS = ("agree", "fallback", "teach", "train", "expression")
AGREEMENT_EPOCHS = 5  # long enough to see a wrong gradient, too short for rounding to matter
AGREEMENT_SPOTS = 2000
# What draws on the device, switched off where the devices are compared
WITHOUT_CHANCE = {
    "stmfg": {"losses": {"contrastive_mode": "exact"}},
    "multist": {"genes": {"dropout": 0, "mask_rate": 0, "dec_epochs": 0}, "losses": {"adversarial": 0}},
    "spahgc": {"model": {"dropout": 0, "attention_dropout": 0}, "masking": {"mode": "none"}},
}


def settings_of(name: str, **changes: dict):
    """A method's default settings with some keys changed, e.g. optimiser={"epochs": 5}."""
    values = _preset(name)
    for topic, keys in changes.items():
        values[topic] = {**values[topic], **keys}
    return settings_from_dict(values)


def _preset(name: str) -> dict:
    from tissuegraph.presets import load_settings

    return load_settings(f"{name}/default").as_dict()


def generated(n_spots: int, settings):
    """Arrays of a generated slice, image features that follow its domains, and seconds."""
    started = time.perf_counter()
    n_genes, depth = (500, 200) if n_spots > PANEL_FROM else (2000, 1500)
    cells = large_cells(n_spots, n_genes, n_domains=7, depth=depth)
    position = cells.position * PITCH_PX / CELL_SPACING_UM
    genes = np.arange(n_genes).astype(str)
    arrays = build_arrays(cells.counts, genes, position, PITCH_PX, settings).arrays
    rng = np.random.default_rng(0)
    image = rng.normal(size=(7, 32))[cells.domain] + rng.normal(size=(n_spots, 32))
    return arrays, image, time.perf_counter() - started


def write_generated(path: str, name: str, n_spots: int) -> float:
    """`generated` in a process of its own: arrays as npz at path, the image beside it; seconds."""
    torch.set_num_threads(4)
    arrays, image, seconds = generated(n_spots, settings_of(name))
    arrays.save(path)
    np.save(f"{path}.image.npy", image.astype(np.float32))
    return seconds


def train(name: str, arrays, image, settings, device: str):
    """One seed; the result, seconds and peak GPU memory in GB."""
    if device == "cuda":
        forget()
    started = time.perf_counter()
    (result,) = METHODS[name].trainer()(
        arrays, settings, seeds=[0], device=device, image=image, part_spots=0, progress=None
    )
    return result, time.perf_counter() - started, held(device)


def forget() -> None:
    """Start counting GPU memory anew."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()


def held(device: str = "cuda") -> float:
    """Most GPU memory allocated since `forget`, in GB."""
    return torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else float("nan")


def agreement(name: str) -> float:
    """Largest difference of CPU and GPU embeddings after a few epochs, relative to their spread."""
    settings = settings_of(name, optimiser={"epochs": AGREEMENT_EPOCHS}, **WITHOUT_CHANCE[name])
    arrays, image, _ = generated(AGREEMENT_SPOTS, settings)
    used = image if METHODS[name].wants_image(settings) else None
    found = [train(name, arrays, used, settings, device)[0].embedding for device in ("cpu", "cuda")]
    return float(np.abs(found[0] - found[1]).max() / found[0].std())


def expression(device: str) -> tuple[np.ndarray, float]:
    """Expression of one slice inferred from three others: prediction and seconds."""
    from tissuegraph.spahgc.learning import learn
    from tissuegraph.spahgc.prediction import predict

    training = {
        "optimiser": {"epochs": AGREEMENT_EPOCHS, "members": 1},
        "validation": {"every": AGREEMENT_EPOCHS},
    }
    settings = settings_of("spahgc", **training, **WITHOUT_CHANCE["spahgc"])
    target, *references = paired_slices(PairedSettings(side=24), seed=0)
    started = time.perf_counter()
    found = predict(target, learn(references, settings, seeds=[0], device=device), device=device)
    return found.predicted, time.perf_counter() - started


def fallback(limit_gb: float = 0.6, n_spots: int = 50_000) -> str:
    """What stMFG says when a slice does not fit into so much GPU memory."""
    settings = settings_of("stmfg", optimiser={"epochs": 2})
    arrays, *_ = generated(n_spots, settings)
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(limit_gb * 1e9 / whole)
    try:
        result, _, peak = train("stmfg", arrays, None, settings, "cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    return f"{'; '.join(result.warnings) or 'trained whole'}; on {result.device}, peak {peak:.2f} GB"


def teachers(n_teachers: int, n_cells: int, n_genes: int = 500) -> list[Source]:
    """Neighbouring pieces of one generated tissue, each annotated in full."""
    cells = large_cells(n_teachers * n_cells, n_genes, n_domains=7, depth=300)
    genes = np.array([f"gene{k}" for k in range(n_genes)])
    found = []
    for place, spots in enumerate(spatial_parts(cells.position, n_cells)):
        stored = StoredSlice(
            cells.counts[spots],
            spots.astype(str),
            genes,
            genes,
            genes,
            cells.position[spots],
            CELL_SPACING_UM,
        )
        labels = np.array([f"region {k}" for k in cells.domain[spots]], dtype=object)
        found.append(Source(f"s{place}", lambda stored=stored: stored, labels))
    return found


def taught_alike() -> float:
    """Largest difference of a region's probability between a network taught on the CPU and on the GPU."""
    settings = settings_of("stmfg", optimiser={"epochs": AGREEMENT_EPOCHS}, **WITHOUT_CHANCE["stmfg"])
    (teacher,) = teachers(1, AGREEMENT_SPOTS)
    found = []
    for device in ("cpu", "cuda"):
        model = fit_model([teacher], NetworkOptions(settings, (0,), device))
        found.append(ask(model, teacher.read(), device=device).by_member[NETWORK])
    return float(np.abs(found[0] - found[1]).max())


def teaching_row(size: str) -> str:
    """What TEACH takes with the network on the GPU and without it; its figure on left-out teachers."""
    sources = teachers(*map(int, size.split("x")))
    seconds = []
    torch.cuda.reset_peak_memory_stats()
    for options in (NetworkOptions(), NetworkOptions(settings_of("stmfg"), (0,), "cuda")):
        started = time.perf_counter()
        model = teach(sources, options)
        seconds.append(time.perf_counter() - started)
    network = next(row for row in model.about["members"] if row["name"] == NETWORK)
    left_out = next(iter(model.about["left_out"].values()), {}).get("macro_f1", float("nan"))
    peak = torch.cuda.max_memory_allocated() / 1e9
    return (
        f"| {size.replace('x', ' x ')} | {seconds[0]:.1f} | {seconds[1]:.1f} | {peak:.2f} "
        f"| {left_out:.3f} | {network.get('macro_f1', float('nan')):.3f} |"
    )


def tissue_with_image(sizes: list[int]) -> list:
    """Neighbouring pieces of one generated tissue, with image features that follow its domains and noise."""
    from tissuegraph.spahgc.slices import HistologySlice

    cells = large_cells(sum(sizes), PANEL_GENES, n_domains=7, depth=400)
    draws = np.random.default_rng(0)
    looks = draws.normal(size=(int(cells.domain.max()) + 1, IMAGE_FEATURES))
    genes = [f"gene{k}" for k in range(cells.counts.shape[1])]
    stops = np.cumsum([0, *sizes])
    found = []
    for place, (start, stop) in enumerate(pairwise(stops)):
        domain = cells.domain[start:stop]
        image = looks[domain] + 2 * draws.normal(size=(len(domain), IMAGE_FEATURES))
        found.append(
            HistologySlice(
                name=f"s{place}", patient=None, group=None, image=image, position=cells.position[start:stop],
                pitch=CELL_SPACING_UM, counts=sparse.csr_matrix(cells.counts[start:stop]), genes=genes,
            )
        )  # fmt: skip
    return found


def expression_row(n_spots: int) -> str:
    """SpaHGC with its default preset: three references, n_spots together, and a target as large as one."""
    from tissuegraph.spahgc.learning import learn
    from tissuegraph.spahgc.prediction import predict

    *references, target = tissue_with_image([n_spots // 3] * 3 + [min(n_spots // 3, LARGEST_TARGET)])
    forget()
    started = time.perf_counter()
    model = learn(references, settings_of("spahgc"), seeds=[0], device="cuda", asked=target.genes)
    learned = time.perf_counter() - started
    found = predict(target.without_counts(), model, device="cuda")
    inferred = time.perf_counter() - started - learned
    return (
        f"| {n_spots:,} | {len(target.image):,} | {found.predicted.shape[1]:,} "
        f"| {learned:.1f} | {inferred:.1f} | {held():.2f} |"
    )


def training_rows(name: str, n_spots: int, path: str, building: Future, precisions: list[str]) -> list[str]:
    """One row per precision of a method on a generated slice that another process builds."""
    built = building.result()
    arrays, settings = SliceArrays.load(path), settings_of(name)
    used = np.load(f"{path}.image.npy") if METHODS[name].wants_image(settings) else None
    rows = []
    for precision in precisions:
        warm = settings_of(name, optimiser={"epochs": 1, "precision": precision}, **_short(name))
        train(name, arrays, used, warm, "cuda")
        chosen = settings_of(name, optimiser={"precision": precision})
        result, seconds, peak = train(name, arrays, used, chosen, "cuda")
        rows.append(
            f"| {METHODS[name].title} | {n_spots:,} x {arrays.n_genes:,} | {precision} | {built:.1f} "
            f"| {seconds:.1f} | {peak:.2f} | {result.device} {'; '.join(result.warnings)} |"
        )
    return rows


def _short(name: str) -> dict:
    """Settings that make the second stage of a method short, to warm up."""
    return {"fusion": {"epochs": 1}} if name == "multist" else {}


def show_agreement(names: list[str]) -> None:
    print("| method | CPU against GPU, largest difference in standard deviations |\n|---|---|")
    for name in names:
        print(f"| {METHODS[name].title} | {agreement(name):.1e} |", flush=True)
    (on_cpu, seconds), (on_gpu, faster) = expression("cpu"), expression("cuda")
    difference = float(np.abs(on_cpu - on_gpu).max() / on_cpu.std())
    print(f"| SpaHGC | {difference:.1e} (a few hundred spots: CPU {seconds:.1f} s, GPU {faster:.1f} s) |")
    print(f"| taught network, largest difference of a probability | {taught_alike():.1e} |\n", flush=True)


def show_training(
    names: list[str],
    sizes: list[int],
    built: dict[tuple[str, int], tuple[str, Future]],
    precisions: list[str],
) -> None:
    print("| method | spots x genes | precision | arrays: s | training: s | peak GPU memory: GB | device |")
    print("|---|---|---|---|---|---|---|")
    for n_spots in sizes:
        for name in names:
            rows = training_rows(name, n_spots, *built[name, n_spots], precisions)
            print("\n".join(rows), flush=True)
    print()


def show_expression(sizes: list[int]) -> None:
    print("| reference spots | target spots | genes | learning: s | inferring: s | peak GPU memory: GB |")
    print("|---|---|---|---|---|---|")
    for n_spots in sizes:
        print(expression_row(n_spots), flush=True)
    print()


def show_teaching(sizes: list[str]) -> None:
    print(
        "| teachers x cells | TEACH without network: s | with: s | peak GPU memory: GB | left-out macro-F1 "
        "| network's |\n|---|---|---|---|---|---|"
    )
    for size in sizes:
        print(teaching_row(size), flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--methods", nargs="+", default=[n for n, m in METHODS.items() if m.answers == DOMAINS]
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=[3600, 50_000, 500_000])
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS[:1])
    parser.add_argument("--expression", type=int, nargs="*", default=[3600, 50_000], help="reference spots")
    parser.add_argument("--teach", nargs="*", default=["2x3600"], help="teachers x cells")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to run, in this order")
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("no GPU is visible: nothing to measure")
    print(
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {os.cpu_count()} CPU cores\n", flush=True
    )
    started = time.perf_counter()
    apart = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(4, mp_context=apart) as pool:
        built = {}
        if "train" in chosen.only:
            for n_spots in sorted(chosen.sizes, reverse=True):  # the longest first
                for name in chosen.methods:
                    path = f"{folder}/{name}.{n_spots}.npz"
                    built[name, n_spots] = path, pool.submit(write_generated, path, name, n_spots)
        parts = {
            "agree": lambda: show_agreement(chosen.methods),
            "fallback": lambda: print(f"Too little memory: {fallback()}\n", flush=True),
            "train": lambda: show_training(chosen.methods, chosen.sizes, built, chosen.precisions),
            "expression": lambda: show_expression(chosen.expression),
            "teach": lambda: show_teaching(chosen.teach),
        }
        for part in chosen.only:
            before = time.perf_counter()
            parts[part]()
            print(f"{part}: {time.perf_counter() - before:.0f} s\n", flush=True)
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()

"""A reference model on disk: `model.json` for people, `model.safetensors` for the numbers. No pickle.

What a class holds is stored field by field: arrays among the numbers, everything else in the table, so that a
new field of a run or of a scaling is kept without a word here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import sparse

from tissuegraph import __version__
from tissuegraph.errors import InputError, SettingsError
from tissuegraph.io.digests import file_sha256, model_checksum
from tissuegraph.io.text import brief
from tissuegraph.presets import settings_from_dict
from tissuegraph.records import as_json
from tissuegraph.spahgc.asked import AskedGenes, GeneNames
from tissuegraph.spahgc.baselines import Products, Tuning
from tissuegraph.spahgc.level import Level
from tissuegraph.spahgc.model import Spahgc
from tissuegraph.spahgc.model_check import check_model
from tissuegraph.spahgc.origin import ImageOrigin
from tissuegraph.spahgc.reference_model import LearnedRun, ReferenceModel
from tissuegraph.spahgc.reference_set import ReferenceSet
from tissuegraph.spahgc.scaling import ImageScaling, Scaling
from tissuegraph.spahgc.settings import Settings
from tissuegraph.spahgc.sources import ReferenceSlice
from tissuegraph.spahgc.training import build_network

FORMAT, KIND = 1, "expression"
TABLE, NUMBERS = "model.json", "model.safetensors"
LICENCE_NOTE = (
    "Made from the counts and images of the references named here; it holds image features and the "
    "expression of the panel for each of their spots, and may be passed on only as their licence allows."
)
_PARTS = {
    "products": Products,
    "scaling": Scaling,
    "image_scaling": ImageScaling,
    "plain_scaling": ImageScaling,
}
_ARRAYS = "arrays"  # stands in the table for arrays by name
_CSR = ("data", "indices", "indptr")

Numbers = dict[str, np.ndarray]


def save_model(model: ReferenceModel, directory: Path) -> None:
    """Write model.json and model.safetensors; `load_model` gives back a model that predicts alike, bit by
    bit.
    """
    known, numbers = model.references, {}
    about, origin = model.gene_names, model.sources[0].origin if model.sources else None
    table = {
        "kind": KIND,
        "format": FORMAT,
        "tissuegraph": __version__,
        "licence": LICENCE_NOTE,
        "images": asdict(origin) if origin else None,
        "references": [asdict(each) for each in model.sources],
        "by": model.by,
        "n_genes": len(known.genes),
        "n_features": known.n_features,
        "names": list(model.names),
        "units": list(known.names),
        "runs": [_run(f"runs.{place}", run, numbers) for place, run in enumerate(model.runs)],
        "settings": known.settings.as_dict(),
        "parts": {name: _taken(name, getattr(known, name), numbers) for name in _PARTS},
        "asked": asdict(model.asked),
        "genes": known.genes.tolist(),
        "level": _taken("level", model.level, numbers) if model.level else None,
        "called": {name: getattr(about, name).tolist() for name in ("gene_ids", "symbols")}
        if about
        else None,
    }
    plain_too = any(one is not other for one, other in zip(known.images, known.plain_images, strict=True))
    for place, expression in enumerate(known.expression):
        numbers[f"units.{place}.image"] = known.images[place]
        if plain_too:
            numbers[f"units.{place}.plain_image"] = known.plain_images[place]
        numbers |= {f"units.{place}.{name}": getattr(expression, name) for name in _CSR}
    directory.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in numbers.items()}, directory / NUMBERS)
    table = as_json(table)
    table["checksum"] = model_checksum(table, file_sha256(directory / NUMBERS))
    (directory / TABLE).write_text(json.dumps(table, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    shutil.copymode(directory / TABLE, directory / NUMBERS)  # safetensors makes files for their owner alone


def load_model(directory: Path) -> ReferenceModel:
    """Raises InputError, naming the file, for a directory without a model, a damaged or changed one, or one
    of another kind or format.
    """
    missing = [name for name in (TABLE, NUMBERS) if not (directory / name).is_file()]
    if missing:
        raise InputError(f"{directory.name} holds no {' and no '.join(missing)}: it is no reference model")
    try:
        table = json.loads((directory / TABLE).read_text(encoding="utf-8"))
        if table.get("kind") != KIND:
            raise InputError(
                f"{TABLE} of {directory.name} is not of a model of expression, as in "
                f"OUTDIR/models/GROUP/expression; a model of regions goes to --region_model"
            )
        if table.get("format") != FORMAT:
            raise InputError(
                f"{TABLE} of the reference model {directory.name} is of format {brief(table.get('format'))}, "
                f"this version reads {FORMAT}; learn it again, or use the version that learned it"
            )
        if table.pop("checksum") != model_checksum(table, file_sha256(directory / NUMBERS)):
            raise ValueError(f"{TABLE} and {NUMBERS} are not as they were written together")
        model = _model(table, load_file(directory / NUMBERS))
        check_model(model)
        return model
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RuntimeError,
        SettingsError,
        SafetensorError,
    ) as error:
        raise InputError(
            f"the reference model {directory.name} is damaged ({brief(error)}); copy it again, or "
            "learn it again"
        ) from error  # fmt: skip


def _model(table: Mapping[str, Any], numbers: Numbers) -> ReferenceModel:
    settings, genes = settings_from_dict(table["settings"]), np.array(table["genes"], dtype=str)
    places = range(len(table["units"]))
    images = [numbers[f"units.{place}.image"] for place in places]
    references = ReferenceSet(
        names=tuple(table["units"]),
        genes=genes,
        images=images,
        plain_images=[numbers.get(f"units.{place}.plain_image", images[place]) for place in places],
        expression=[_csr(f"units.{place}", numbers, len(images[place]), len(genes)) for place in places],
        settings=settings,
        **{name: _given(name, kind, table["parts"][name], numbers) for name, kind in _PARTS.items()},
    )
    n_features, called = table["n_features"], table["called"]
    runs = [
        _learned(f"runs.{place}", run, numbers, settings, (n_features, len(genes)))
        for place, run in enumerate(table["runs"])
    ]
    return ReferenceModel(
        names=tuple(table["names"]),
        references=references,
        runs=tuple(runs),
        asked=AskedGenes(**{name: _tuples(value) for name, value in table["asked"].items()}),
        gene_names=GeneNames(genes, *(np.array(called[name], dtype=str) for name in ("gene_ids", "symbols")))
        if called
        else None,
        level=_given("level", Level, table["level"], numbers) if table["level"] is not None else None,
        sources=tuple(map(_source, table["references"])),
        by=table["by"],
    )


def _source(told: Mapping[str, Any]) -> ReferenceSlice:
    origin = ImageOrigin(**told["origin"]) if told["origin"] else None
    return ReferenceSlice(**{**told, "origin": origin})


def _csr(prefix: str, numbers: Numbers, n_spots: int, n_genes: int) -> sparse.csr_matrix:
    found = sparse.csr_matrix(tuple(numbers[f"{prefix}.{name}"] for name in _CSR), shape=(n_spots, n_genes))
    found.check_format(full_check=True)
    return found


def _run(prefix: str, run: LearnedRun, numbers: Numbers) -> dict[str, Any]:
    """What the table says of a run; its arrays and weights go to the numbers.

    Nothing of how long it took, so that two equal runs write equal bytes.
    """
    told = _taken(prefix, run, numbers, without=("networks", "tuning", "seconds"))
    for place, network in enumerate(run.networks):
        weights = network.state_dict()
        numbers |= {f"{prefix}.networks.{place}.{name}": each.cpu().numpy() for name, each in weights.items()}
    return told | {"tuning": asdict(run.tuning), "networks": len(run.networks)}


def _learned(
    prefix: str, told: Mapping[str, Any], numbers: Numbers, settings: Settings, shape: tuple[int, int]
) -> LearnedRun:
    own = {**told, "tuning": Tuning(**told["tuning"])}
    places = range(own.pop("networks"))
    own["networks"] = tuple(
        _network(f"{prefix}.networks.{place}", numbers, settings, *shape) for place in places
    )
    return _given(prefix, LearnedRun, own, numbers)


def _network(prefix: str, numbers: Numbers, settings: Settings, n_features: int, n_genes: int) -> Spahgc:
    network = build_network(settings, n_features, n_genes, seed=0)
    start = prefix + "."
    own = {name.removeprefix(start): each for name, each in numbers.items() if name.startswith(start)}
    network.load_state_dict({name: torch.from_numpy(each) for name, each in own.items()})
    return network.eval()


def _taken(prefix: str, given: Any, numbers: Numbers, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Fields of a dataclass that are no arrays; arrays, also those by name, go to the numbers."""
    told = {}
    for name in (field.name for field in fields(given) if field.name not in without):
        value = getattr(given, name)
        if isinstance(value, np.ndarray):
            numbers[f"{prefix}.{name}"] = value
        elif _is_named_arrays(value):
            numbers |= {f"{prefix}.{name}.{own}": each for own, each in value.items()}
            told[name] = {_ARRAYS: list(value)}
        else:
            told[name] = value
    return told


def _given(prefix: str, kind: type, told: Mapping[str, Any], numbers: Numbers) -> Any:
    """The dataclass that `_taken` took apart."""
    names = [field.name for field in fields(kind)]
    arrays = {name: numbers[f"{prefix}.{name}"] for name in names if f"{prefix}.{name}" in numbers}
    values = {name: _tuples(value) for name, value in told.items()}
    for name, value in told.items():
        if isinstance(value, Mapping) and set(value) == {_ARRAYS}:
            values[name] = {own: numbers[f"{prefix}.{name}.{own}"] for own in value[_ARRAYS]}
    return kind(**values, **arrays)


def _is_named_arrays(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(v, np.ndarray) for v in value.values())


def _tuples(value: Any) -> Any:
    """Lists, as JSON has them, as the tuples that they were."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value

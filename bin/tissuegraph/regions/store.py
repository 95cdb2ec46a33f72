"""A model of regions on disk: `model.json` for what people read, `model.safetensors` for the numbers. No
pickle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tissuegraph.cohorts.components import Loadings
from tissuegraph.errors import InputError, SettingsError
from tissuegraph.io.digests import model_checksum
from tissuegraph.io.text import brief
from tissuegraph.presets import settings_from_dict
from tissuegraph.regions.image import ImageModel
from tissuegraph.regions.model import RegionModel
from tissuegraph.regions.model_check import check_model
from tissuegraph.regions.offsets import ClassModel
from tissuegraph.stmfg.sections import SectionEncoder

FORMAT = 1
TABLE, NUMBERS = "model.json", "model.safetensors"
LICENCE_NOTE = (
    "Made from the counts and annotations of the teachers named here; it holds components of their spots and "
    "may be passed on only as their licence allows."
)


def save_model(model: RegionModel, directory: Path) -> None:
    """Write model.json and model.safetensors; `load_model` gives back a model that answers alike, bit by
    bit.
    """
    numbers = {f"loadings.{name}": getattr(model.loadings, name) for name in ("mean", "vectors", "share")}
    numbers |= _classes("classes", model.classes)
    for member, known in model.members.items():
        numbers |= {f"members.{member}.{name}": value for name, value in known.items()}
    for index, network in enumerate(model.networks):
        numbers |= {f"networks.{index}.{name}": value for name, value in network.weights.items()}
    if model.image is not None:
        numbers |= {f"image.{name}": getattr(model.image, name) for name in ("mean", "scale", "vectors")}
        numbers |= _classes("image.classes", model.image.classes)
    table = {
        "format": FORMAT,
        "names": list(model.names),
        "loadings": {
            "genes": model.loadings.genes.tolist(),
            "others": model.loadings.others.tolist(),
            "by": model.loadings.by,
            "depth": model.loadings.depth,
        },
        "members": list(model.members),
        "networks": [
            {"settings": net.settings.as_dict(), "n_inputs": net.n_inputs, "n_classes": net.n_classes}
            for net in model.networks
        ],
        "image": model.image is not None,
        "weights": dict(model.weights),
        "temperature": model.temperature,
        "threshold": None if np.isinf(model.threshold) else model.threshold,
        "about": dict(model.about),
        "licence": LICENCE_NOTE,
    }
    stored = save({k: np.ascontiguousarray(v) for k, v in numbers.items()})
    table["checksum"] = model_checksum(table, hashlib.sha256(stored).hexdigest())
    directory.mkdir(parents=True, exist_ok=True)
    (directory / NUMBERS).write_bytes(stored)
    (directory / TABLE).write_text(json.dumps(table, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load_model(directory: Path) -> RegionModel:
    """Raises InputError, naming the file, for a directory without a model, a damaged or changed one, or one
    of another format.
    """
    missing = [name for name in (TABLE, NUMBERS) if not (directory / name).is_file()]
    if missing:
        raise InputError(f"{directory.name} holds no {' and no '.join(missing)}: it is no region model")
    try:
        table = json.loads((directory / TABLE).read_text(encoding="utf-8"))
        if table.get("format") != FORMAT:
            raise InputError(
                f"{TABLE} of the region model {directory.name} is of format {brief(table.get('format'))}, "
                f"this version reads {FORMAT}; teach it again, or use the version that taught it"
            )
        stored = (directory / NUMBERS).read_bytes()
        numbers = load(stored)
        if table.pop("checksum") != model_checksum(table, hashlib.sha256(stored).hexdigest()):
            raise ValueError(f"{TABLE} and {NUMBERS} are not as they were written together")
        model = _model(table, numbers)
        check_model(model)
        return model
    except (ValueError, LookupError, TypeError, AttributeError, SettingsError, SafetensorError) as error:
        raise InputError(
            f"the region model {directory.name} is damaged ({brief(error)}); copy it again, or teach it again"
        ) from error


def _model(table: Mapping[str, Any], numbers: Mapping[str, np.ndarray]) -> RegionModel:
    loadings = Loadings(
        genes=np.array(table["loadings"]["genes"], dtype=str),
        others=np.array(table["loadings"]["others"], dtype=str),
        by=table["loadings"]["by"],
        depth=float(table["loadings"]["depth"]),
        **_under("loadings", numbers),
    )
    networks = [
        SectionEncoder(
            _under(f"networks.{index}", numbers),
            settings_from_dict(entry["settings"]),
            entry["n_inputs"],
            entry["n_classes"],
        )
        for index, entry in enumerate(table["networks"])
    ]
    image = None
    if table["image"]:
        own = {name: numbers[f"image.{name}"] for name in ("mean", "scale", "vectors")}
        image = ImageModel(**own, classes=ClassModel(**_under("image.classes", numbers)))
    return RegionModel(
        names=tuple(table["names"]),
        loadings=loadings,
        classes=ClassModel(**_under("classes", numbers)),
        members={name: _under(f"members.{name}", numbers) for name in table["members"]},
        networks=networks,
        image=image,
        weights=table["weights"],
        temperature=float(table["temperature"]),
        threshold=float("inf") if table["threshold"] is None else float(table["threshold"]),
        about=table["about"],
    )


def _classes(name: str, classes: ClassModel) -> dict[str, np.ndarray]:
    return {f"{name}.{part}": getattr(classes, part) for part in ("means", "covariance", "shares")}


def _under(prefix: str, numbers: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    start = prefix + "."
    return {name.removeprefix(start): value for name, value in numbers.items() if name.startswith(start)}

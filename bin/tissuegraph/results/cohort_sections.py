"""The sections of one group as their final h5ad files hold them, without their counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd

from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.figures.tissue import Tissue
from tissuegraph.io.intermediate import reading
from tissuegraph.io.stored import open_own
from tissuegraph.records import Record, read_record
from tissuegraph.results.pictures import tissue_of


@dataclass(frozen=True, kw_only=True, eq=False)
class CohortSection:
    """One section of N spots: path of its h5ad; obs, var and position (N, 2) from there;
    components (N, D) that all sections of the group share, and joint (N,) int from 0, each None where absent;
    um_per_px: None if unknown; inferred: whether its expression was inferred from the image.
    """

    name: str
    path: Path
    obs: pd.DataFrame
    var: pd.DataFrame
    position: np.ndarray
    components: np.ndarray | None = None
    joint: np.ndarray | None = None
    um_per_px: float | None = None
    inferred: bool = False

    def images(self) -> dict[str, Any]:
        """The section's uns['spatial'], read anew: it may be the largest part of all; empty without."""
        from anndata.io import read_elem

        with open_own(self.path) as file:
            return read_elem(file["uns"][keys.SPATIAL]) if keys.SPATIAL in file["uns"] else {}

    def tissue(self) -> Tissue:
        """Positions and image, to draw on."""
        uns = {keys.SPATIAL: self.images(), keys.TISSUEGRAPH: {keys.UM_PER_PX: self.um_per_px}}
        return tissue_of(anndata.AnnData(obs=self.obs[[]], obsm={keys.SPATIAL: self.position}, uns=uns))


def read_sections(folder: Path, parts: Path) -> list[CohortSection]:
    """Every `<sample>.h5ad` of a folder by name, with `<sample>.components.npz` of parts beside it."""
    found = [_read(path, parts / f"{path.stem}.components.npz") for path in sorted(folder.glob("*.h5ad"))]
    if not found:
        raise InputError("no section of the group was assembled; see what their own steps say")
    return found


def _read(path: Path, components: Path) -> CohortSection:
    from anndata.io import read_elem

    with open_own(path) as file:
        obs, var = read_elem(file["obs"]), read_elem(file["var"])
        position = np.asarray(read_elem(file["obsm"][keys.SPATIAL]), dtype=float)
        flag = file.get(f"uns/{keys.TISSUEGRAPH}/{keys.INFERRED}")
        inferred = flag is not None and bool(flag[()])
        scale = file.get(f"uns/{keys.TISSUEGRAPH}/{keys.UM_PER_PX}")
        um_per_px = None if scale is None else float(scale[()])
    shared: dict[str, np.ndarray] = {}
    if components.is_file():
        with reading(components, "shared components"), np.load(components) as stored:
            shared = {name: stored[name] for name in ("components", "joint") if name in stored}
        for name, values in shared.items():
            if len(values) != len(obs):
                raise InputError(
                    f"{components.name}: {name} describes {len(values)} spots, the section has {len(obs)}; "
                    "make the shared components again"
                )
    return CohortSection(
        name=path.stem, path=path, obs=obs, var=var, position=position, um_per_px=um_per_px,
        inferred=inferred, **shared,
    )  # fmt: skip


def read_records(folder: Path) -> list[Record]:
    """Every record below a folder."""
    found = []
    for path in sorted(folder.rglob("*.json")):
        with reading(path, "record"):
            found.append(read_record(path))
    return found


def numbers_are_shared(sections: Sequence[CohortSection], records: Sequence[Record]) -> bool:
    """Whether a domain's number means the same in all sections, as the records of their assembly say."""
    told = {
        record.sample: bool(record.metrics.get("matched")) for record in records if record.step == "assemble"
    }
    return all(told.get(section.name, False) for section in sections)


def joined_obs(sections: Sequence[CohortSection], *, matched: bool) -> pd.DataFrame:
    """obs of all sections, one below the other, spots named `<barcode>-<section>`; obs['section'] says whose.

    A column that a section lacks is missing there. Without matched numbers the domains of a section are named
    `<section>:<number>`, so that equal numbers of two sections are not taken for one tissue.
    """
    columns = list(dict.fromkeys(name for section in sections for name in section.obs))
    joined = {name: _joined(name, sections, matched=matched) for name in columns}
    index = [f"{barcode}-{section.name}" for section in sections for barcode in section.obs.index]
    names = np.repeat([section.name for section in sections], [len(section.obs) for section in sections])
    obs = pd.DataFrame(joined, index=pd.Index(index, dtype=object))
    obs.insert(0, keys.SECTION, pd.Categorical(names, categories=[section.name for section in sections]))
    return obs


def _joined(name: str, sections: Sequence[CohortSection], *, matched: bool) -> Any:
    parts = [
        section.obs[name] if name in section.obs else pd.Series(np.nan, section.obs.index)
        for section in sections
    ]
    own = not matched and _is_domain(name)
    if not any(isinstance(part.dtype, pd.CategoricalDtype) for part in parts):
        together = pd.concat(parts, ignore_index=True)
        if together.dtype != object:
            return together.to_numpy()
        # flags in one section and nothing in another: HDF5 has no type for both
        values = [value for part in parts for value in part.astype(object)]
        return pd.Categorical([None if pd.isna(value) else str(value) for value in values])
    known: dict[str, None] = {}
    texts = []
    for section, part in zip(sections, parts, strict=True):
        prefix = f"{section.name}:" if own else ""
        categories = part.cat.categories if hasattr(part, "cat") else part.dropna().unique()
        known |= dict.fromkeys(f"{prefix}{category}" for category in categories)
        texts += [None if pd.isna(value) else f"{prefix}{value}" for value in part]
    taught = name in (keys.REGION, keys.REGION_CALL)  # their order is that of the model, and of their colours
    numbers = not taught and all(text.isdecimal() for text in known)
    ordered = sorted(known, key=int) if numbers else list(known)
    return pd.Categorical(texts, categories=ordered)


def _is_domain(name: str) -> bool:
    return name == keys.DOMAIN or (name.startswith(keys.domain("")) and name != keys.CONFIDENCE)


def libraries(section: CohortSection, *, smallest_only: bool) -> Mapping[str, Any]:
    """The section's images and scale factors, for squidpy's `library_key`; empty without an image."""
    for library in section.images().values():
        images = dict(library.get("images", {}))
        if smallest_only and len(images) > 1:
            name = min(images, key=lambda size: images[size].size)
            images = {name: images[name]}
        return {**library, "images": images}
    return {}


def in_turn(sections: Sequence[CohortSection]) -> Iterator[tuple[CohortSection, slice]]:
    """Each section with the rows that are its own among those of all."""
    start = 0
    for section in sections:
        yield section, slice(start, start + len(section.obs))
        start += len(section.obs)

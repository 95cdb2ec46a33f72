"""stMFG over all sections of a group: one encoder, fed with components that the sections share.

N spots of one section, D components, L latent dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from tissuegraph.cohorts.components import Loadings, fit_loadings
from tissuegraph.cohorts.group import Files, domains_to_store, shares_of_sections
from tissuegraph.cohorts.joint import agreed_domains, separate_domains
from tissuegraph.cohorts.verdict import judge
from tissuegraph.io.stored import StoredSlice, read_kept
from tissuegraph.records import Record
from tissuegraph.scores.labellings import JOINT_STMFG
from tissuegraph.slices.arrays import SliceArrays
from tissuegraph.slices.graphs import feature_graph, longest_edge, spatial_graph
from tissuegraph.slices.preprocess import total_counts
from tissuegraph.slices.smoothing import averaging, smoothing_scale
from tissuegraph.stmfg.sections import prepare_sections, train_sections, training_parts
from tissuegraph.stmfg.settings import Settings

Reader = Callable[[], StoredSlice]


def network_settings(settings: Settings) -> Settings:
    """Settings for shared components: the features are these, so counts are what can be reconstructed."""
    return replace(settings, losses=replace(settings.losses, target="counts"))


def network_arrays(
    loadings: Loadings, section: StoredSlice, offset: np.ndarray, settings: Settings
) -> SliceArrays:
    """What the network is given of a section: components without the offset, counts of the genes, both
    graphs.

    A gene that the section lacks has no counts; that matters to the decoder only, so not to a prediction.
    """
    return arrays_of(loadings.scores(section) - offset, loadings, section, settings)


def centred_arrays(loadings: Loadings, section: StoredSlice, settings: Settings) -> SliceArrays:
    """The same less the section's own mean, as joint clustering does it."""
    scores = loadings.scores(section)
    return arrays_of(scores - scores.mean(axis=0), loadings, section, settings)


def arrays_of(
    scores: np.ndarray, loadings: Loadings, section: StoredSlice, settings: Settings
) -> SliceArrays:
    """The same of scores (N, D) that are known already."""
    features, rule = scores.astype(np.float32), settings.spatial_graph
    longest = longest_edge(rule.max_um, section.um_per_px)
    return SliceArrays(
        counts=loadings.counts(section),
        features=features,
        depth=total_counts(section.counts),
        position=section.xy,
        spatial=spatial_graph(section.xy, rule.rule, rule.value, section.pitch, longest).adjacency,
        feature=feature_graph(features, settings.feature_graph.k, settings.feature_graph.metric).adjacency,
        genes=loadings.genes,
        pitch=section.pitch,
        um_per_px=section.um_per_px,
    )


def joint_embeddings(
    sections: Mapping[str, Reader],
    loadings: Loadings,
    settings: Settings,
    seeds: Sequence[int],
    device: str = "auto",
) -> list[dict[str, np.ndarray]]:
    """Smoothed embeddings (N, L) of all sections, from one encoder for each seed.

    sections: name -> reads it. Each is smoothed over the number of nearest spots at which its components
    predict left-out spots best. Raises InputError where training diverges.
    """
    settings = network_settings(settings)
    names = sorted(sections)
    parts = training_parts([sections[name]().xy for name in names])
    prepared = prepare_sections(_training_arrays(sections, parts, loadings, settings), settings, device)
    encoders = [train_sections(prepared, settings, seed=seed) for seed in seeds]
    del prepared
    per_seed: list[dict[str, np.ndarray]] = [{} for _ in encoders]
    for name in names:
        arrays = centred_arrays(loadings, sections[name](), settings)
        around = smoothing_scale(arrays.features, arrays.position, arrays.um_per_px)
        operator = averaging(arrays.position, around)
        for encoder, found in zip(encoders, per_seed, strict=True):
            found[name] = np.asarray(operator @ encoder.embed(arrays, device), dtype=np.float64)
    return per_seed


def _training_arrays(
    sections: Mapping[str, Reader],
    parts: Sequence[Sequence[np.ndarray]],
    loadings: Loadings,
    settings: Settings,
) -> Iterator[SliceArrays]:
    """The network's input for each part of each section, by name, read once."""
    for name, own in zip(sorted(sections), parts, strict=True):
        section = sections[name]()
        scores = loadings.scores(section)
        scores -= scores.mean(axis=0)
        for spots in own:
            yield arrays_of(scores[spots], loadings, section.part(spots), settings)


def join_sections(
    record: Record,
    files: Files,
    n_domains: int,
    settings: Settings,
    seeds: Sequence[int],
    outdir: Path,
    device: str = "auto",
) -> None:
    """Write SECTION.joint_stmfg.npz into `outdir`; verdict, shares and what was trained go into the record
    (inplace).

    Raises InputError where the sections share too few genes or training diverges.
    """
    sections = {name: partial(read_kept, *paths) for name, paths in files.items()}
    loadings = fit_loadings([sections[name] for name in sorted(sections)])
    per_seed = joint_embeddings(sections, loadings, settings, seeds, device)
    joint = agreed_domains(per_seed, n_domains, seeds)
    separate = separate_domains(per_seed[0], n_domains, seeds[0])
    depth = {name: float(np.median(total_counts(read().counts))) for name, read in sections.items()}
    outdir.mkdir(parents=True, exist_ok=True)
    for name, found in joint.items():
        np.savez(outdir / f"{name}.{JOINT_STMFG}.npz", **domains_to_store(found))
    record.metrics |= {
        "sections": sorted(sections),
        "n_seeds": len(seeds),
        "n_domains": n_domains,
        "verdict": asdict(judge(per_seed[0], joint, separate, depth)),
        "shares": shares_of_sections(joint),
    }

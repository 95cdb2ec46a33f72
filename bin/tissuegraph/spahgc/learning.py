"""Training on the sequenced slices of a group, once for all its targets. No target is known here."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from tissuegraph.errors import InputError
from tissuegraph.nn.device import resolve_device
from tissuegraph.spahgc.asked import GeneNames, find_genes
from tissuegraph.spahgc.baselines import Tuning
from tissuegraph.spahgc.folds import kept_apart
from tissuegraph.spahgc.inner_validation import InnerValidation, Progress, validate_inside
from tissuegraph.spahgc.level import Level, LevelChoice, LevelPath
from tissuegraph.spahgc.model import Spahgc
from tissuegraph.spahgc.panel import choose_panel, columns_of
from tissuegraph.spahgc.reference_model import LearnedRun, ReferenceModel
from tissuegraph.spahgc.reference_set import ReferenceSet
from tissuegraph.spahgc.settings import Settings
from tissuegraph.spahgc.slices import HistologySlice, check_references
from tissuegraph.spahgc.sources import ReferenceSlice
from tissuegraph.spahgc.training import GraphSource, train_network
from tissuegraph.spahgc.training_set import TrainingSet

_MEMBER_SEEDS = 1_000_003  # keeps the members of one seed apart from those of the next


def learn(
    references: Sequence[HistologySlice],
    settings: Settings,
    *,
    seeds: Sequence[int],
    device: str = "auto",
    by: str = "slice",
    progress: Progress | None = None,
    asked: Sequence[str] = (),
) -> ReferenceModel:
    """Panel, scalings, inner validation and networks of every seed.

    Inner validation, and the references of each training slice, keep the slices of one patient apart
    wherever two patients are known. A single reference is cut into halves. by: what the targets are held out
    by; where that is "patient" and only one is left to learn from, a warning says so. asked: symbols or
    identifiers of genes that are inferred in any case, where all references measure them. Raises InputError
    for slices that cannot serve together.
    """
    check_references(references)
    where = resolve_device(device)
    wanted = find_genes(asked, [each.gene_names for each in references])
    genes = choose_panel(references, settings.panel, wanted.genes)
    inners = validate_inside(references, genes, settings, seeds=seeds, device=where, progress=progress)
    training = TrainingSet(references, genes, settings, by=kept_apart(references))
    runs = []
    graphs: dict[Tuning, list[GraphSource]] = {}  # they depend on how a run was tuned, not on its seed
    for inner in inners:
        started = time.perf_counter()
        if inner.tuning not in graphs:
            graphs[inner.tuning] = training.graphs(inner.tuning, where)
        networks, losses = _members(training.references, graphs[inner.tuning], inner, where, progress)
        runs.append(
            LearnedRun(
                seed=inner.seed,
                tuning=inner.tuning,
                epochs=inner.epochs,
                networks=networks,
                reliability=inner.reliability,
                per_gene=inner.per_gene,
                history=inner.history | {"losses": losses, "references": [each.name for each in references]},
                seconds=inner.seconds + time.perf_counter() - started,
                warnings=_warnings(references, inner, by),
            )
        )
    return ReferenceModel(
        names=tuple(each.name for each in references),
        references=training.references,
        runs=tuple(runs),
        asked=wanted,
        level=_level(training, inners[0].level),
        gene_names=_called(references[0], genes),
        sources=tuple(map(ReferenceSlice.of, references)),
        by=by,
    )


def _level(training: TrainingSet, choice: LevelChoice | None) -> Level | None:
    if choice is None:
        return None
    known = training.references
    path = LevelPath.of(training.encoded, known.expression, known.image_scaling)
    return path.level(choice.penalty, choice.share)


def _called(reference: HistologySlice, genes: np.ndarray) -> GeneNames:
    """The panel's genes, with their names and identifiers in a reference; empty where it has none."""
    columns = columns_of(reference, genes)
    others = (
        values[columns] if len(values) else values for values in (reference.gene_ids, reference.symbols)
    )
    return GeneNames(genes, *others)


def _members(
    known: ReferenceSet,
    graphs: Sequence[GraphSource],
    inner: InnerValidation,
    device: torch.device,
    progress: Progress | None,
) -> tuple[tuple[Spahgc, ...], dict[str, list[float]]]:
    """Every member trained for the epochs chosen inside, and the losses of the first.

    Raises InputError where a member diverges.
    """
    settings = known.settings
    networks, losses = [], None
    for member in range(settings.optimiser.members):
        trained = train_network(
            graphs,
            settings,
            n_features=known.n_features,
            n_genes=len(known.genes),
            epochs=inner.epochs,
            seed=inner.seed + member * _MEMBER_SEEDS,
            device=device,
        )
        if not all(torch.isfinite(values).all() for values in trained.network.state_dict().values()):
            raise InputError(
                f"SpaHGC diverged with seed {inner.seed}: its weights after {inner.epochs} epochs are not "
                f"finite; lower optimiser.lr (now {settings.optimiser.lr:g})"
            )
        networks.append(trained.network)
        losses = losses or trained.losses
        if progress and inner.epochs:
            progress(f"member {member + 1}", inner.epochs, trained.losses["total"][-1])
    return tuple(networks), losses


def _warnings(references: Sequence[HistologySlice], inner: InnerValidation, by: str) -> tuple[str, ...]:
    notes = []
    if by == "patient" and len(references) > 1 and kept_apart(references) != "patient":
        notes.append(
            "patients were to be left out, but the references are of one patient, or of none that is known: "
            "inner validation left out slices, and reliability is that of a further slice of one patient"
        )
    if len(references) == 1:
        notes.append(
            f"one reference slice only ({references[0].name}): it was cut into halves for training and inner "
            "validation, and the reliability of genes is optimistic for other slices"
        )
    if inner.epochs == 0:
        notes.append("inner validation found no gain from training; predictions are the starting point's")
    unknown = int(np.isnan(inner.reliability).sum())
    if unknown:
        notes.append(f"{unknown} of {len(inner.reliability)} genes have no reliability: constant inside")
    return tuple(notes)

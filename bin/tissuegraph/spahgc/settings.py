"""Settings of SpaHGC."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tissuegraph.errors import SettingsError
from tissuegraph.histology.encoders import MADE_BY_HAND
from tissuegraph.presets.fields import choice, flag, number, whole
from tissuegraph.presets.method import MethodSettings


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Which genes are predicted, and on what scale; decided on the references alone."""

    rule: str = choice("intersection", "ranked")  # genes in every slice's list, or the best mean rank
    n_genes: int | None = whole(1, 1_000_000, "none")  # genes asked for, filled up to so many by mean rank
    n_hvg: int = whole(1, 1_000_000)  # length of each slice's list; only where the rule is intersection
    min_share: float = number(0, 1)  # a gene is seen in so large a share of the spots: of every reference
    # (intersection), or of most of them (ranked)
    target_sum: float | None = number(1e-6, 1e9, "none")  # counts per spot over all genes; none: as counted
    log: str = choice("log1p", "log10")  # of x + 1
    scale: str = choice("none", "unit", "minmax")  # inside the network; predictions are scaled back
    min_reliability: float | None = number(-1, 1, "none")  # genes below it take no part in the domains of an
    # inferred slice; none: all take part


@dataclass(frozen=True, kw_only=True)
class Features:
    """Image features before they meet the network and the search for references."""

    scale: str = choice("none", "references", "slice", "encoder")  # zero mean and unit variance over which
    # spots; encoder: none for a network, references for features made by hand, each in a unit of its own
    level: str = choice("none", "best")  # best: with scale slice, the mean of each gene in a slide is told by
    # features scaled by the references, where inner validation finds that better than leaving it
    tile_um: float | None = number(1, 10_000, "none")  # side of a tile where --tile_um does not say


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The three kinds of edges; a k of 0 leaves the kind out (ablation)."""

    ts_rule: str = choice("nearest", "cells")  # nearest spots; or any within a radius on a grid of 224 px
    ts_k: int = whole(0, 1000)  # Q: target to target, or at most so many where the rule is cells
    ts_radius: float = number(0, 1000)  # cells; only where the rule is cells
    cs_k: int = whole(0, 1000)  # K: references retrieved for each target
    cs_metric: str = choice("cosine", "l1")
    serve: str = choice("always", "best")  # references in the graph; best: where inner validation is for it
    rs_k: int = whole(0, 1000)  # among the retrieved references, by image and expression together
    rs_metric: str = choice("cosine", "euclidean")
    max_spots: int = whole(16, 10_000_000)  # a larger slice is cut into contiguous parts of so many targets


@dataclass(frozen=True, kw_only=True)
class Masking:
    """Two views of the same graph: what one hides, the other shows."""

    mode: str = choice("complementary", "random", "none")  # random: two independent masks (ablation)
    target: float = number(0, 1)  # alpha: share of the target features hidden in view 1
    reference: float = number(0, 1)  # beta: the same of the references
    rescale: bool = flag()  # divide what is shown by its expected share, so that clean input looks alike


@dataclass(frozen=True, kw_only=True)
class Model:
    """Encoder with cross-node dual attention, pooling and head."""

    width: int = whole(4, 10_000)  # latent dimensions, a multiple of heads
    layers: int = whole(0, 16)
    heads: int = whole(1, 64)
    dropout: float = number(0, 0.95)  # after the input layer
    attention_dropout: float = number(0, 0.95)
    attention: str = choice("dual", "mean")  # mean: references averaged without attention (ablation)
    attention_slope: float = number(0, 1)  # LeakyReLU of the scores; 1: none, as in the paper
    residual: bool = flag()  # each layer adds to its input
    pooling: bool = flag()  # CNAP: retrieved references once more at the end; false: ablation
    head: str = choice("linear", "mlp")
    base: str = choice("none", "knn", "ridge", "blend", "best")  # prediction that the network starts from and
    # corrects; blend: mean of kNN and ridge; best: whichever of the three inner validation prefers


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Weights of the four terms; 0 leaves a term out."""

    mse: float = number(0, 1e6)
    pcc: float = number(0, 1e6)
    contrast_target: float = number(0, 1e6)
    contrast_reference: float = number(0, 1e6)
    predict_from: str = choice("view1", "both", "clean")  # what mse and pcc are taken on
    second_encoder: str = choice("shared", "frozen")  # frozen: a copy of the initial weights, never updated
    pcc_eps: float = number(0, 1)


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """How the network is trained; which epoch is kept is decided by inner validation."""

    name: str = choice("adam", "adamw")
    epochs: int = whole(0, 100_000)
    lr: float = number(1e-8, 10)
    weight_decay: float = number(0, 10)
    max_spots: int = whole(256, 100_000_000)  # of all references; of more, contiguous parts are drawn
    members: int = whole(1, 100)  # networks from different seeds whose predictions are averaged


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Inner validation, on references only."""

    folds: int = whole(2, 1000)  # references are held out in so many groups (at most one each)
    every: int = whole(1, 100_000)  # epochs between two looks
    max_spots: int = whole(256, 100_000_000)  # of all that an inner fold holds out; of more, parts are drawn


@dataclass(frozen=True, kw_only=True)
class Settings(MethodSettings):
    """Everything that describes one run of SpaHGC on a group of slices."""

    panel: Panel
    features: Features
    graph: Graph
    masking: Masking
    model: Model
    losses: Losses
    optimiser: Optimiser
    validation: Validation

    method: ClassVar[str] = "spahgc"

    def for_encoder(self, encoder: str) -> Settings:
        """With the scale of features settled that goes with the encoder of the run."""
        if self.features.scale != "encoder":
            return self
        scale = "references" if encoder in MADE_BY_HAND else "none"
        return replace(self, features=replace(self.features, scale=scale))

    def __post_init__(self) -> None:
        if self.model.width % self.model.heads:
            raise SettingsError(
                f"model.width must be a multiple of model.heads, got {self.model.width} and "
                f"{self.model.heads}; e.g. width 64 with 4 heads"
            )
        if not (self.losses.mse or self.losses.pcc):
            raise SettingsError(
                "losses.mse and losses.pcc are both 0, so nothing is learned; set one above 0"
            )

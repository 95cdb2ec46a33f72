"""Settings of MultiST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tissuegraph.clustering.settings import Clustering
from tissuegraph.errors import SettingsError
from tissuegraph.nn.settings import Optimiser
from tissuegraph.presets.fields import choice, flag, number, whole
from tissuegraph.presets.method import MethodSettings
from tissuegraph.slices.settings import FeatureGraph, Preprocess, SpatialGraph


@dataclass(frozen=True, kw_only=True)
class GeneBranch:
    """The graph auto-encoder on the genes."""

    hidden: int = whole(1, 10_000)  # width of the hidden layers
    latent: int = whole(1, 10_000)  # width of each half of z = [F || mu]
    dropout: float = number(0, 0.95)
    mask_rate: float = number(0, 1)  # share of spots that the learnable token is added to, per step
    dec_clusters: int = whole(0, 1000)  # centres of the deep embedded clustering stage; 0: no such stage
    dec_epochs: int = whole(0, 100_000)


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Weights of the gene branch's terms; a weight of 0 leaves its term out."""

    reconstruction: float = number(0, 1e6)
    graph: float = number(0, 1e6)  # edges from inner products, and the KL term of a VAE
    masked: float = number(0, 1e6)  # scaled cosine error; before the clustering stage only
    adversarial: float = number(0, 1e6)
    dec: float = number(0, 1e6)
    pairs_per_step: int = whole(0, 100_000_000)  # edges per step, with as many non-edges; 0: all


@dataclass(frozen=True, kw_only=True)
class Adversary:
    """Generator and critic that the gene branch is aligned with."""

    space: str = choice("latent", "input")  # what the generator imitates
    constraint: str = choice("penalty", "clip")  # what keeps the critic Lipschitz: gradient or weights
    distance: str = choice("rbf", "mean")  # MMD with a mixture of kernels, or between means only
    lr: float = number(1e-8, 10)
    every: int = whole(1, 100_000)  # epochs between updates of generator and critic
    critic_steps: int = whole(1, 1000)  # of the critic in each update, before one of the generator
    start: int = whole(0, 100_000)  # epoch from which the term counts


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """Image tokens, cross-attention between genes and image, and how the two make one embedding."""

    tokens: str = choice("neighbourhood", "spot")  # tiles of the spot and its neighbours, or its own only
    token_neighbours: int = whole(1, 100)
    image_pcs: int = whole(1, 10_000)  # components of the standardised image features
    image_smoothing: float = number(0, 1)  # share that comes from the 7 nearest tiles before all else
    width: int = whole(1, 10_000)
    heads: int = whole(1, 64)
    layers: int = whole(1, 8)
    residual: bool = flag()  # query added to what it attends to, with LayerNorm
    directions: str = choice("image", "both")  # genes attend to the image, or each to the other
    combine: str = choice("concatenate", "sum")
    image_trust: float | str = number(
        0, 1, "auto"
    )  # share of the image in the embedding; auto: judged per slice
    sdm: float = number(0, 1e6)
    infonce: float = number(0, 1e6)
    retention: float = number(0, 1e6)  # the attended image still predicts the tiles it came from
    temperature: float = number(1e-3, 1e3)
    batch: int = whole(2, 1_000_000)
    epochs: int = whole(0, 100_000)
    lr: float = number(1e-8, 10)
    weight_decay: float = number(0, 10)


@dataclass(frozen=True, kw_only=True)
class Settings(MethodSettings):
    """Everything that describes one run of MultiST on one slice."""

    preprocess: Preprocess
    spatial_graph: SpatialGraph
    feature_graph: FeatureGraph
    genes: GeneBranch
    losses: Losses
    adversary: Adversary
    optimiser: Optimiser
    fusion: Fusion
    clustering: Clustering

    method: ClassVar[str] = "multist"

    def __post_init__(self) -> None:
        fusion = self.fusion
        if fusion.width % fusion.heads:
            raise SettingsError(
                f"fusion.width must be a multiple of fusion.heads, got {fusion.width} and {fusion.heads}; "
                "change one of them"
            )
        if fusion.layers > 1 and not fusion.residual:
            raise SettingsError(
                f"fusion.layers above 1 need fusion.residual: true, got {fusion.layers} layers without"
            )
        if fusion.combine == "sum" and fusion.directions != "both":
            raise SettingsError(
                "fusion.combine: sum adds what both directions attend to; set fusion.directions: both "
                f"(now {fusion.directions}) or fusion.combine: concatenate"
            )
        if fusion.retention and fusion.residual:
            raise SettingsError(
                "fusion.retention needs the attended image without the query in it; "
                "set fusion.residual: false or fusion.retention: 0"
            )

"""Settings of stMFG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tissuegraph.clustering.settings import Clustering
from tissuegraph.errors import SettingsError
from tissuegraph.nn.settings import Optimiser
from tissuegraph.presets.fields import choice, flag, number, whole, widths
from tissuegraph.presets.method import MethodSettings
from tissuegraph.slices.settings import FeatureGraph, Preprocess, SpatialGraph


@dataclass(frozen=True, kw_only=True)
class Model:
    """The encoder of stMFG, E1 to E3, and its decoder."""

    dims: tuple[int, ...] = widths(1, 3)  # width of each layer; its length is L
    head_dim: int = whole(0, 10_000)  # width of one linear layer after the last fusion; 0: none
    decoder_dim: int = whole(1, 10_000)
    att: str = choice("node", "channel")  # one attention weight per spot, or per spot and channel
    att_l2: bool = flag()  # scale the weights of a spot to unit length, as AGCN does
    norm: str = choice("sym", "rw")  # D^-1/2 (A+I) D^-1/2 or D^-1 (A+I)
    activation: str = choice("relu", "none")  # on all layers but the last
    fusion: str = choice("layerwise", "late")  # late: independent branches, fused once (ablation)
    image_view: bool = (
        flag()
    )  # where a slice has an image, read it and train with a third view (not in the paper)
    image_dims: int = whole(1, 1000)  # principal components of the image features that enter
    image_graph: str = choice("nearest", "spatial", "feature")  # neighbours of the image view: the nearest
    # spots, those of the gene view, or tiles that look alike, as many as feature_graph.k
    image_trust: float | str = number(0, 1, "auto")  # share that the image deserves: at 0.5 it weighs as
    # much as any view, at 0 it is left out, at 1 the genes are; auto: judged per slice, without labels


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Weights and forms of the loss terms; a weight of 0 leaves its term out."""

    zinb: float = number(0, 1e6)  # alpha
    contrastive: float = number(0, 1e6)  # beta, between the two gene views
    contrastive_image: float = number(0, 1e6)  # between the image view and each gene view
    image: float = number(0, 1e6)  # what the image shows is read back, as far as the genes are held back
    regulariser: float = number(0, 1e6)  # gamma
    target: str = choice("counts", "scaled")  # ZINB of raw counts with depth factors, or of the input
    genes_per_step: int = whole(0, 1_000_000)  # genes decoded per step, drawn at random; 0: all
    temperature: float = number(1e-3, 1e3)  # tau
    contrastive_mode: str = choice("auto", "exact", "sampled")
    n_negatives: int = whole(2, 1_000_000)  # spots drawn per step where the mode is sampled
    reg_balance: str = choice("paper", "balanced")  # one mean over all pairs, or each sum by its count


@dataclass(frozen=True, kw_only=True)
class Settings(MethodSettings):
    """Everything that describes one run of stMFG on one slice."""

    preprocess: Preprocess
    spatial_graph: SpatialGraph
    feature_graph: FeatureGraph
    model: Model
    losses: Losses
    optimiser: Optimiser
    clustering: Clustering

    method: ClassVar[str] = "stmfg"

    def __post_init__(self) -> None:
        if self.losses.target == "scaled" and self.preprocess.input != "hvg":
            raise SettingsError(
                "losses.target: scaled reconstructs the network input and needs preprocess.input: hvg, "
                f"got {self.preprocess.input}; set preprocess.input: hvg or losses.target: counts"
            )

"""Every method of the pipeline, by import string, so that reading this list imports no network.

Scripts, presets, table and report learn from here which methods there are and what their papers call them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tissuegraph.errors import SettingsError

DOMAINS, EXPRESSION = "domains", "expression"  # what a method answers


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method.

    name: in parameters, columns and files; title: as its paper writes it; citation: of that paper, as
    `arXiv 2512.16188` or a DOI; reference: its authors, title, journal and year;
    answers: DOMAINS, found on one slice, or EXPRESSION, inferred for one slice from others;
    settings: `module:class` of its settings; train: `module:function` that trains it. All that answer DOMAINS
    take (arrays, settings, *, seeds, device, image, part_spots, progress) and return one
    tissuegraph.nn.result.TrainingResult per seed.
    reads_image: whether it reads histology, or the flag `topic.key` of its settings that says so.
    """

    name: str
    title: str
    citation: str
    answers: str
    settings: str
    train: str
    reads_image: bool | str
    reference: str = ""

    def settings_class(self) -> type:
        """The frozen dataclass of its settings."""
        return _named(self.settings)

    def trainer(self) -> Callable[..., Any]:
        """The function that trains it; importing it takes what its networks take."""
        return _named(self.train)

    def wants_image(self, settings: Any) -> bool:
        """Whether it reads histology with these settings."""
        if isinstance(self.reads_image, bool):
            return self.reads_image
        topic, _, key = self.reads_image.partition(".")
        return bool(getattr(getattr(settings, topic), key))


METHODS = {
    method.name: method
    for method in (
        Method(
            name="stmfg",
            title="stMFG",
            citation="arXiv 2512.16188",
            reference="Mei J, Ai S, Yuan Y. A multi-scale fused graph neural network with inter-view "
            "contrastive learning for spatial transcriptomics data clustering. arXiv 2512.16188 (2025).",
            answers=DOMAINS,
            settings="tissuegraph.stmfg.settings:Settings",
            train="tissuegraph.stmfg.training:train_seeds",
            reads_image="model.image_view",
        ),
        Method(
            name="multist",
            title="MultiST",
            citation="arXiv 2601.13331",
            reference="Wang W, Ly Q-T, Yu C, Bai J. MultiST: a cross-attention-based multimodal model for "
            "spatial transcriptomic. arXiv 2601.13331 (2026).",
            answers=DOMAINS,
            settings="tissuegraph.multist.settings:Settings",
            train="tissuegraph.multist.training:train_seeds",
            reads_image=True,
        ),
        Method(
            name="spahgc",
            title="SpaHGC",
            citation="arXiv 2603.22821",
            reference="Shi Z, Wang C, Wan J, Min W. Cross-slice knowledge transfer via masked multi-modal "
            "heterogeneous graph contrastive learning for spatial gene expression inference. Proc IEEE/CVF "
            "Conf Comput Vis Pattern Recognit (2026). arXiv 2603.22821.",
            answers=EXPRESSION,
            settings="tissuegraph.spahgc.settings:Settings",
            train="tissuegraph.spahgc.learning:learn",
            reads_image=True,
        ),
    )
}


def method_of(name: Any) -> Method:
    """The method of that name; raises SettingsError that names the ones there are."""
    if name not in METHODS:
        raise SettingsError(f"method must be one of {', '.join(METHODS)}; got {name!r}")
    return METHODS[name]


def title_of(name: str) -> str:
    """A method's name as people write it; controls, which are no methods, keep theirs.

    joint_<method>: the method over all sections of a group.
    """
    if name.startswith("joint_"):
        return f"joint {title_of(name.removeprefix('joint_'))}"
    return METHODS[name].title if name in METHODS else name


def _named(import_string: str) -> Any:
    module, _, name = import_string.partition(":")
    return getattr(import_module(module), name)

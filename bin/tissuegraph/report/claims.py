"""What the scores of a method beside its controls allow to be said, in the verdicts that the tables show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.scores.gain import ABOVE, BELOW, WITHIN, WORDS, overall


def claim(
    gains: Sequence[Mapping[str, Any]], title: str, *, score: str, controls: str, slices: str, digits: int = 2
) -> str:
    """A few sentences on one method; gains: what `gain_over` said of each slice, at least one.

    title: of the method; score, controls, slices: the words for what is compared, such as `an ARI`,
    `an untrained network and PCA` and `labelled slice`.
    """
    found, title = overall(gains), escape(title)
    over = f"On the {slices}" if found.n_slices == 1 else f"Over {found.n_slices} {slices}s"
    text = (
        f"{over}, <strong>{title}</strong> has {score} of {found.score:.{digits}f} against "
        f"{found.best_control_score:.{digits}f} of each slice's best control ({controls}): a difference of "
        f"{found.gain:+.{digits}f}. "
    )
    if not found.n_judged:
        return text + "With one seed there is no spread to judge this difference by: no gain is claimed."
    if found.n_slices == 1:
        (verdict,) = (WORDS[verdict] for verdict, number in found.verdicts.items() if number)
    else:
        counts = [f"{WORDS[verdict]} on {found.verdicts[verdict]}" for verdict in (ABOVE, WITHIN, BELOW)]
        verdict = f"{', '.join(counts)} of {found.n_judged}"
        if found.n_judged < found.n_slices:
            verdict += f"; {found.n_slices - found.n_judged} with one seed cannot be judged"
    text += f"Judged by its spread over seeds: {verdict}."
    if not found.shown:
        over = "No" if found.n_slices == 1 else f"Over all {found.n_slices}, no"
        text += f" <strong>{over} gain of {title} over its controls is shown here.</strong>"
    return text

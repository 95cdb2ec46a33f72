"""Whether a learned result is so far below its baseline that the slice deserves a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tissuegraph.methods import title_of
from tissuegraph.scores.table import CONTROL, UNREFINED

FAR_ARI = 0.05  # below the baseline by less is how methods differ, not what went wrong with a slice
FAR_PAS = 0.1  # share of spots; results that are as smooth as the baseline differ by some hundredths
_BASELINE = "baseline"


def far_below(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Method -> one line, for every learned result far below the baseline; rows: as of `score_table`.

    With labels by ARI, where the difference is also larger than the spread over seeds; without labels by PAS,
    the share of spots that disagree with most of their neighbours.
    """
    baseline = next((row for row in rows if row["method"] == _BASELINE), {})
    lines = {row["method"]: _line(row, baseline) for row in rows if row["kind"] not in (CONTROL, UNREFINED)}
    return {method: line for method, line in lines.items() if line}


def _line(row: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    name = title_of(row["method"])
    if row.get("ari") is not None and baseline.get("ari") is not None:
        if baseline["ari"] - row["ari"] <= max(FAR_ARI, row.get("ari_sd") or 0.0):
            return ""
        scores = f"ARI {row['ari']:.2f} against {baseline['ari']:.2f}"
        return f"{name} is far below the baseline: {scores}; look at both maps"
    if row.get("pas") is None or baseline.get("pas") is None or row["pas"] - baseline["pas"] <= FAR_PAS:
        return ""
    return (
        f"{name} scatters its domains: {row['pas']:.0%} of spots disagree with most of their neighbours, "
        f"{baseline['pas']:.0%} with the baseline; look at both maps"
    )

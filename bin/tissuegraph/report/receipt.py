"""How the results were made, for people: what receipt.json has in full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from tissuegraph.report.outcomes import Outcome
from tissuegraph.report.provenance import whole_content
from tissuegraph.report.section import Section, count, html_table

_SHOWN = 12  # hexadecimal digits of a digest; the file has them all


def sections(
    outcomes: Sequence[Outcome], settings: Mapping[str, Any], receipt: Mapping[str, Any] | None = None
) -> list[Section]:
    """One table of facts and, folded, the inputs of each slice; nothing without a receipt."""
    if receipt is None:
        return []
    rows = [[escape(name), text] for name, text in _facts(receipt).items() if text]
    parent = (
        "tissuegraph_receipt",
        "Receipt",
        "What made these results. <code>pipeline_info/receipt.json</code> has every digest in full, and the "
        "date, the duration and the command of the run.",
    )
    content = html_table(["What", "Which"], rows) + _inputs(receipt["inputs"]["slices"])
    return [Section("receipt", "How this was made", parent, "html", content)]


def _facts(receipt: Mapping[str, Any]) -> dict[str, str]:
    """Name of a fact -> HTML, empty where there is nothing to say."""
    pipeline, engine = receipt["pipeline"], receipt["engine"]
    return {
        "Pipeline": _pipeline(pipeline),
        "Code": _digest_of(pipeline.get("code_sha256"), "main.nf, modules, scripts, package and presets"),
        "Packages": _digest_of(pipeline.get("lock_sha256"), "containers/requirements.lock"),
        "Agreement": escape((receipt["agreement"] or {}).get("sentence") or ""),
        "Engine": _joined([("Nextflow", engine.get("version")), ("profile", engine.get("profile"))]),
        "Container": _container(engine),
        "Seeds": ", ".join(map(str, receipt["seeds"])),
        "Devices": "; ".join(_device(*item) for item in receipt["devices"].items()),
        "Presets": "; ".join(_preset(*item) for item in receipt["presets"].items()),
        "Weights": "; ".join(_weights(*item) for item in receipt["weights"].items()),
        "Models": "; ".join(_model(*item) for item in receipt["models"].items()),
        "Inputs": _all_inputs(receipt),
    }


def _pipeline(told: Mapping[str, Any]) -> str:
    checkout = told.get("checkout") or {}
    commit = told.get("commit") or checkout.get("commit")
    changed = ", with changes that are not committed" if checkout.get("changed") else ""
    named = [("", told.get("name")), ("version", told.get("version")), ("revision", told.get("revision"))]
    return f"{_joined(named)}, commit {f'{_code(commit)}{changed}' if commit else 'not known'}"


def _container(engine: Mapping[str, Any]) -> str:
    if not engine.get("container_engine"):
        return "none: programs of the machine"
    images = "; ".join(map(_image, engine.get("images") or ()))
    return f"{escape(engine['container_engine'])}: {images}"


def _image(told: Mapping[str, Any]) -> str:
    return f"{escape(told['image'])} {_code(told['digest']) if told.get('digest') else '(digest not known)'}"


def _device(step: str, devices: Mapping[str, int]) -> str:
    return f"{escape(step)} on {' and '.join(f'{escape(name)} ({n})' for name, n in devices.items())}"


def _preset(method: str, told: Mapping[str, Any]) -> str:
    return (
        f"{escape(method)}: {escape(told['preset'] or 'default')}, settings {_code(told['settings_sha256'])}"
    )


def _weights(name: str, digests: Sequence[str]) -> str:
    return f"{escape(name.removesuffix('_sha256').replace('_', ' '))} {', '.join(map(_code, digests))}"


def _model(parameter: str, told: Mapping[str, Any]) -> str:
    return f"<code>--{escape(parameter)}</code> {escape(told['name'])} {_code(told.get('checksum'))}"


def _all_inputs(receipt: Mapping[str, Any]) -> str:
    whole, n_slices = whole_content(receipt)
    return (
        f"{count(n_slices, 'slice')}, {_code(receipt['inputs']['sha256'])} over all of them; for {whole} it "
        "covers the content of every file"
    )


def _inputs(slices: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for each in slices:
        given = [(column, told) for column, told in each.items() if isinstance(told, Mapping)]
        for index, (column, told) in enumerate(given or [("", {})]):
            name = f"<strong>{escape(each['sample'])}</strong>" if index == 0 else ""
            covers = escape(told.get("covers", "no digest: the task that reads it left no result"))
            rows.append([name, escape(column), _code(told.get("sha256")), covers])
    table = html_table(["Slice", "Column", "SHA-256, first digits", "Covers"], rows)
    return f"<details><summary>Inputs of each slice</summary>{table}</details>"


def _joined(pairs: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(f"{word} {escape(str(value))}".strip() for word, value in pairs if value)


def _digest_of(digest: str | None, what: str) -> str:
    return f"{_code(digest)} over {what}" if digest else ""


def _code(digest: str | None) -> str:
    """The first digits of a digest, whole where one points at it; `-` where there is none."""
    if not digest:
        return "-"
    kind, colon, number = digest.rpartition(":")
    return f'<code title="{escape(digest)}">{escape(kind + colon + number[:_SHOWN])}</code>'

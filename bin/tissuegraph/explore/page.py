"""The page itself: one HTML file with data, code and the library that draws; it asks nothing of a network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

import tissuegraph
from tissuegraph import keys
from tissuegraph.errors import InputError
from tissuegraph.explore.colourings import colourings, gene_entry, palette
from tissuegraph.explore.final import FinalSlice, count_pieces, marker_table, read_final
from tissuegraph.explore.markers import Moments, gene_codes, moments, top_genes
from tissuegraph.explore.packing import WORD, packed, packed_bytes, quantised, script_json
from tissuegraph.explore.picture import tissue_picture
from tissuegraph.figures.geometry import spot_shape
from tissuegraph.figures.palette import CONFIDENCE, SEQUENTIAL, UNLABELLED
from tissuegraph.io.stored import open_own
from tissuegraph.records import Record

MOST_GENES = 200
GENE_BUDGET = 12_000_000  # characters of genes in one page: about 80 genes of 200,000 spots
_PARTS = Path(__file__).parent / "page"
# The library first; the others in the order in which they use each other
_SCRIPTS = ("vendor/deck.min.js", "data.js", "colours.js", "map.js", "lasso.js", "legend.js", "start.js")


def write_page(record: Record, h5ad: Path, path: Path) -> None:
    """Write the page of a final h5ad to `path`, and what it holds into the record (inplace)."""
    with open_own(h5ad) as file:
        slice_ = read_final(file)
        genes = gene_entries(file, slice_)
    content = page_content(record.sample, slice_, genes)
    text = html(content)
    path.write_text(text, encoding="utf-8")
    record.metrics |= {
        "page": f"{record.sample}.html",
        "n_spots": len(slice_.barcodes),
        "n_genes": len(genes),
        "megabytes": round(len(text) / 1e6, 2),
    }


def gene_entries(
    file: Any, slice_: FinalSlice, most: int = MOST_GENES, budget: int = GENE_BUDGET
) -> list[dict]:
    """The genes that tell the final domains apart, best first, as many as fit into `budget` characters.

    Those of the table of markers come first, where the file has one.
    """
    domain = slice_.columns[keys.DOMAIN]
    if domain.categories is None:
        raise InputError(
            f"obs[{keys.DOMAIN!r}] holds numbers; expected categories, as the pipeline writes them"
        )
    if not len(slice_.genes):
        return []
    found = moments(count_pieces(file), domain.values, len(domain.categories), len(slice_.genes))
    notes = dict(_marker_notes(file, slice_))
    notes |= {
        gene: _domain_note(found, slice_, best) for gene, best in top_genes(found, most) if gene not in notes
    }
    chosen = list(notes)[:most]
    codes = gene_codes(count_pieces(file), chosen, found.highest, len(slice_.barcodes))
    entries = []
    for gene, values in zip(chosen, codes, strict=True):
        text = packed(values)
        budget -= len(text)
        if budget < 0:
            break
        what = "Inferred from the image, not measured: log" if slice_.inferred else "Log"
        note = f"{what}(1 + counts per 10,000).{notes[gene]}"
        entries.append(gene_entry(*_gene_words(slice_, gene), text, float(found.highest[gene]), note))
    return entries


def _gene_words(slice_: FinalSlice, gene: int) -> tuple[str, str]:
    """Name and title of a gene: its symbol, with its name in the file where other genes share the symbol."""
    name, symbol = str(slice_.genes[gene]), str(slice_.symbols[gene])
    shared = name != symbol and int((slice_.symbols == symbol).sum()) > 1
    return name, f"{symbol} ({name})" if shared else symbol


def _marker_notes(file: Any, slice_: FinalSlice) -> Iterator[tuple[int, str]]:
    """Each marker of the file's table, with whose it is, by turns: the first of all, the second ..."""
    place = {str(name): index for index, name in enumerate(slice_.genes)}
    markers = sorted(marker_table(file), key=lambda row: row.rank)
    told: set[int] = set()
    for row in markers:
        gene = place.get(row.gene)
        if gene is not None and gene not in told:
            told.add(gene)
            yield gene, f" Marker {row.rank} of {row.domain}."


def _domain_note(found: Moments, slice_: FinalSlice, domain: int) -> str:
    if domain < 0:
        return ""
    name = slice_.columns[keys.DOMAIN].categories[domain]
    return f" Among the genes that set domain {name} apart ({found.sizes[domain]:,} spots)."


def page_content(sample: str, slice_: FinalSlice, genes: list[dict]) -> dict[str, Any]:
    """Everything that the page shows, JSON-able; positions to 1/65,534 of their range."""
    if not np.isfinite(slice_.xy).all():
        raise InputError(
            f"obsm[{keys.SPATIAL!r}] holds positions that are no numbers; assemble the slice again"
        )
    x, y = (quantised(axis, WORD) for axis in slice_.xy.T)
    picture = None
    if slice_.image is not None:
        picture = tissue_picture(slice_.image, slice_.image_scale, slice_.xy)
    return {
        "sample": sample,
        "n_spots": len(slice_.barcodes),
        "n_genes": len(slice_.genes),
        "platform": slice_.facts.get("platform", ""),
        "inferred": slice_.inferred,
        keys.UM_PER_PX: slice_.um_per_px,
        "spot_px": spot_shape(slice_.xy).width,
        "barcodes": packed_bytes(json.dumps(slice_.barcodes.tolist()).encode()),
        "x": {"codes": packed(x.codes), "low": x.low, "high": x.high},
        "y": {"codes": packed(y.codes), "low": y.low, "high": y.high},
        "picture": {"uri": picture.uri, "edges": list(picture.edges)} if picture else None,
        "palettes": {name: palette(name) for name in (SEQUENTIAL, CONFIDENCE)},
        "unlabelled": UNLABELLED,
        "columns": colourings(slice_) + genes,
    }


def html(content: dict[str, Any]) -> str:
    """The file. Its policy names each script and the style by digest, and forbids all else, requests too."""
    style = (_PARTS / "style.css").read_text(encoding="utf-8")
    scripts = [(_PARTS / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    allowed = " ".join(map(_digest, scripts))
    values = {
        "policy": f"default-src 'none'; script-src {allowed}; style-src {_digest(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'",
        "version": tissuegraph.__version__,
        "sample": escape(str(content["sample"])),
        "style": style,
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
        "data": script_json(content),
    }
    template = (_PARTS / "index.html").read_text(encoding="utf-8")
    return Template(template).substitute(values)


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

"""What a page holds: colours of the file, places of image and spots, odd names as text, a bounded size."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html as htmllib
import io
import json
import re

import matplotlib
import numpy as np
import pandas as pd
import pytest
from helpers.explored_slices import COLOURS, ODD, PITCH, final_slice, write_final
from PIL import Image

from tissuegraph.explore.colourings import palette
from tissuegraph.explore.final import read_final
from tissuegraph.explore.page import gene_entries, write_page
from tissuegraph.explore.picture import SIDE, tissue_picture
from tissuegraph.figures.palette import CONFIDENCE, SEQUENTIAL, UNLABELLED
from tissuegraph.io.hdf5 import open_hdf5
from tissuegraph.records import Record


def page_of(folder, data=None, sample="s"):
    """Text of the page of a final slice, what it holds, and the record."""
    record = Record(sample, "explore")
    write_page(record, write_final(folder / "s.h5ad", data), folder / "s.html")
    text = (folder / "s.html").read_text()
    held = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1]
    return text, json.loads(held), record


def codes(entry, kind="u1"):
    return np.frombuffer(gzip.decompress(base64.b64decode(entry["codes"])), kind)


@pytest.fixture
def page(tmp_path):
    return page_of(tmp_path)


def column(content, title):
    return next(entry for entry in content["columns"] if entry["title"] == title)


def test_labels_numbers_and_genes_come_in_groups_under_the_reports_words(page):
    _, content, _ = page
    titles = [(entry["group"], entry["title"]) for entry in content["columns"]]
    assert titles[:7] == [
        ("Domains", "Domains (final: stMFG)"),
        ("Domains", "stMFG"),
        ("Domains", "Baseline: smoothed PCA"),
        ("Regions and annotation", "Annotation"),
        ("Confidence and quality", "Confidence"),
        ("Confidence and quality", "UMIs per spot"),
        ("Confidence and quality", "Genes per spot"),
    ]  # no mitochondrial share, which is unknown; no lattice position, which is seen
    assert {group for group, _ in titles[7:]} == {"Genes"}
    assert {title for _, title in titles[7:]} >= {ODD, "Gene0", "Gene4 (ID4)", "Gene4 (ID5)"}


def test_categories_have_the_colours_of_uns_and_the_codes_of_obs(page):
    _, content, _ = page
    domain = column(content, "Domains (final: stMFG)")
    assert (domain["categories"], domain["colours"]) == (["1", "2", "3"], COLOURS)
    assert codes(domain).tolist() == final_slice().obs["domain"].cat.codes.tolist()
    annotation = column(content, "Annotation")
    assert set(annotation["categories"]) == {ODD, "L2", "L3"}
    assert codes(annotation)[:5].tolist() == [255] * 4 + [annotation["categories"].index("L2")]


def test_colours_that_uns_lacks_are_those_of_the_numbers(tmp_path):
    data = final_slice()
    del data.uns["domain_colors"]
    data.obs["region_call"] = pd.Categorical(["WM", "unsure"] * (data.n_obs // 2))
    _, content, _ = page_of(tmp_path, data)
    assert column(content, "Domains (final: stMFG)")["colours"] == COLOURS
    called = column(content, "Regions (taught)")
    assert called["colours"][called["categories"].index("unsure")] == UNLABELLED


def test_spots_lie_where_obsm_says(page):
    _, content, _ = page
    for axis, values in zip("xy", final_slice().obsm["spatial"].T, strict=True):
        low, high = content[axis]["low"], content[axis]["high"]
        assert low + codes(content[axis], "<u2") / 65534 * (high - low) == pytest.approx(values, abs=0.02)
    assert content["spot_px"] == pytest.approx(PITCH)
    names = json.loads(gzip.decompress(base64.b64decode(content["barcodes"])))
    assert names == final_slice().obs_names.tolist()


def test_numbers_state_their_range_and_genes_start_at_zero(page):
    _, content, _ = page
    counts = column(content, "UMIs per spot")
    values = final_slice().obs["total_counts"].to_numpy()
    assert (counts["low"], counts["high"]) == (values.min(), values.max())
    back = counts["low"] + codes(counts, "<u2") / 65534 * (counts["high"] - counts["low"])
    assert np.rint(back).astype(int).tolist() == values.tolist()
    gene = column(content, "Gene0")
    assert gene["low"] == 0
    assert codes(gene).max() == 254


def test_the_image_lies_under_the_spots():
    image = np.zeros((100, 200, 3), dtype=np.uint8)
    image[20:30, 40:50] = 255
    xy = np.array([[400.0, 200.0], [500.0, 300.0]])  # the white square, at a tenth of full resolution
    found = tissue_picture(image, 0.1, xy)
    assert found.edges == (390.0, 190.0, 510.0, 310.0)  # 4 % of 100 around, to whole pixels of the image
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(found.uri.partition(",")[2]))))
    assert drawn.shape == (12, 12, 3)
    assert drawn[2:-2, 2:-2].mean() > 200 > 100 > drawn[0].mean()


def test_a_large_image_is_made_small_and_one_beside_the_spots_is_left_out():
    image = np.zeros((3000, 2000, 3), dtype=np.uint8)
    found = tissue_picture(image, 1.0, np.array([[0.0, 0.0], [2000.0, 3000.0]]))
    assert max(Image.open(io.BytesIO(base64.b64decode(found.uri.partition(",")[2]))).size) == SIDE
    assert tissue_picture(image, 1.0, np.array([[5000.0, 0.0], [5100.0, 100.0]])) is None


@pytest.mark.parametrize("images", ["blank", "none"])
def test_a_blank_picture_is_left_out(tmp_path, images):
    data = final_slice()
    if images == "blank":
        data.uns["spatial"]["s"]["images"]["hires"][:] = 255
    else:
        del data.uns["spatial"]
    assert page_of(tmp_path, data)[1]["picture"] is None


def test_odd_names_stay_text_wherever_they_stand(tmp_path):
    text, content, _ = page_of(tmp_path, sample=ODD)
    assert content["sample"] == ODD
    assert f"<h1>{htmllib.escape(ODD)}</h1>" in text
    assert "<b>" not in text.split("<script")[0]
    assert text.count("</script>") == text.count("<script")


def test_the_policy_names_every_script_and_the_style_and_forbids_the_rest(page):
    text, _, _ = page
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data: blob:"
    assert "unsafe" not in policy

    def digests(pattern):
        return {
            f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"
            for part in re.findall(pattern, text, re.DOTALL)
        }

    assert digests(r"<script>(.*?)</script>") == set(rules["script-src"].split())
    assert digests(r"<style>(.*?)</style>") == {rules["style-src"]}
    assert not re.search(r"""(src|href)=["'](?!data:)""", text.split("<script")[0])


def test_the_library_stands_beside_its_licence(root):
    vendor = root / "bin" / "tissuegraph" / "explore" / "page" / "vendor"
    assert (vendor / "deck.min.js").stat().st_size < 1_000_000
    told = (vendor / "LICENSE").read_text()
    assert "Permission is hereby granted, free of charge" in told
    assert set(re.findall(r"==== (\S+)", told)) >= {"@deck.gl/core", "@luma.gl/core,", "mjolnir.js"}


def test_genes_stop_where_the_budget_ends(tmp_path):
    with open_hdf5(write_final(tmp_path / "s.h5ad")) as file:
        slice_ = read_final(file)
        everything = gene_entries(file, slice_)
        sizes = [len(entry["codes"]) for entry in everything]
        some = gene_entries(file, slice_, budget=sum(sizes[:3]))
        two = gene_entries(file, slice_, most=2)
    assert [entry["name"] for entry in some] == [entry["name"] for entry in everything[:3]]
    assert len(two) == 2


def test_the_record_names_the_page_and_its_size(page):
    text, content, record = page
    assert record.metrics["page"] == "s.html"
    assert record.metrics["n_spots"] == content["n_spots"] == 120
    assert record.metrics["n_genes"] == sum(entry["group"] == "Genes" for entry in content["columns"])
    assert record.metrics["megabytes"] == pytest.approx(len(text) / 1e6, abs=0.01)


def test_palettes_are_those_of_matplotlib():
    for name in (SEQUENTIAL, CONFIDENCE):
        table = matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3]
        assert palette(name) == np.ascontiguousarray(table, dtype=np.uint8).tobytes().hex()


def test_numbers_too_large_for_a_scale_have_one_all_the_same(tmp_path):
    data = final_slice()
    data.obs["identifier"] = np.full(data.n_obs, 2**63 + 1, dtype=np.uint64)
    data.obs["overflow"] = [1e308, -1e308, *np.arange(data.n_obs - 2.0)]
    _, content, _ = page_of(tmp_path, data)
    low, high = column(content, "identifier")["shown"]
    assert low == 2**63
    assert high > low
    entry = column(content, "overflow")
    assert (entry["low"], entry["high"]) == (0, data.n_obs - 3)
    assert codes(entry, "<u2")[:3].tolist() == [65535, 65535, 0]  # missing, missing, lowest


def test_markers_of_the_file_come_first_in_their_rank_whoever_they_belong_to(tmp_path):
    data = final_slice()
    names = ["L2", "L2", "L3", "L3"]
    genes = ["ID7", "ID1", "ID7", "absent"]  # a marker of two, and one that is no gene of the file
    data.uns["markers"] = pd.DataFrame(
        {"domain": names, "gene": genes, "rank": [2, 1, 1, 2]}, index=list("abcd")
    )
    _, content, _ = page_of(tmp_path, data)
    entries = [entry for entry in content["columns"] if entry["group"] == "Genes"]
    shown = {entry["name"]: entry["note"] for entry in entries}
    assert list(shown)[:2] == ["gene:ID1", "gene:ID7"]
    assert "Marker 1 of L2." in shown["gene:ID1"]
    assert "Marker 1 of L3." in shown["gene:ID7"]
    assert len(shown) == 20  # the others follow

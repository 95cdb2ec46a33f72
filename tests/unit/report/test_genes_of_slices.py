"""The report's chapters on markers, spatial genes and gene sets: what is shown, escaped and left unsaid."""

from helpers.fake_slices import PIXEL

from tissuegraph.report import enrichment, markers, spatial_genes
from tissuegraph.report.outcomes import Outcome

GENE = {
    "gene": "ENSG1", "symbol": "<b>", "rank": 1, "auc": 0.876, "log2_fold_change": 2.0, "share_inside": 0.9,
    "share_outside": 0.1, "p_adjusted": 0.0, "p_adjusted_split": None,
}  # fmt: skip
DOMAIN = {"domain": "L<1>", "n_spots": 1200, "n_markers": 7, "n_markers_split": None, "top": [GENE]}
ROW = {
    "gene": "G1", "symbol": "MBP", "morans_i": 0.743, "p_adjusted": 1e-9, "morans_i_within_domains": None,
    "p_adjusted_within_domains": None,
}  # fmt: skip
SET = {
    "gene_set": "A<B", "n_genes": 18, "n_overlap": 9, "overlap": 'x";y', "odds_ratio": 4.25,
    "p_adjusted": 0.003, "null_overlap_mean": 2.04, "p_shuffled": 0.001,
}  # fmt: skip


def outcome(step, **metrics):
    return Outcome("S<1>", {}, "passed", (), {"characterised": {step: metrics}})


def test_without_characterised_slices_there_are_no_such_chapters():
    for topic in (markers, spatial_genes, enrichment):
        assert topic.sections([Outcome("S", {}, "passed"), outcome("other")], {}) == []


def test_markers_are_shown_with_their_effect_and_both_p():
    table, figures = markers.sections(
        [outcome("markers", by="region", domains=[DOMAIN], pictures={"marker_dots": PIXEL})], {}
    )
    text = table.data
    assert "<th>Region</th>" in text
    assert "<td>L&lt;1&gt;</td><td>1,200</td><td>7 (no counterpart)</td><td>&lt;b&gt;</td>" in text
    assert "<td>0.88</td><td>+2.00</td><td>90%</td><td>10%</td><td>&lt; 1e-300</td><td></td>" in text
    assert "S&lt;1&gt;" in text
    assert "significant" not in text
    assert PIXEL in figures.extra


def test_a_slice_without_markers_or_of_inferred_expression_says_so():
    empty = DOMAIN | {"n_markers": None, "top": []}
    (table,) = markers.sections([outcome("markers", by="domain", domains=[empty])], {})
    assert "<td>not tested</td><td>none</td>" in table.data


def test_spatial_genes_are_counted_and_empty_where_nothing_was_tested():
    metrics = {"by": "domain", "n_genes": 900, "n_spatial": 30, "n_within": None, "top": [ROW]}
    (section,) = spatial_genes.sections([outcome("spatial_genes", **metrics, pictures={})], {})
    assert "30 of them vary over the tissue" in section.data
    assert "<td>MBP</td><td>0.74</td><td>1.0e-09</td><td></td><td></td>" in section.data
    metrics |= {"n_spatial": None}
    (section,) = spatial_genes.sections([outcome("spatial_genes", **metrics)], {})
    assert "none is tested" in section.data


def test_gene_sets_stand_beside_what_chance_shares():
    domain = {"domain": "1", "n_markers": 40, "n_found": 1, "found_by_chance": 0.04, "top": [SET]}
    none = {"domain": "2", "n_markers": 0, "top": []}
    (section,) = enrichment.sections(
        [outcome("enrichment", by="domain", n_sets=3, n_background=500, domains=[domain, none])], {}
    )
    assert "A&lt;B</span></td><td>9 of 18</td><td>2.0</td><td>4.2</td><td>0.003</td><td>0.001</td>" in (
        section.data
    )
    assert 'title="x&quot;;y"' in section.data
    assert "<td>4%</td>" in section.data
    assert "<td>2</td><td>0</td><td></td><td>none</td>" in section.data

"""Conditions in the report: what the design carries is called found, the rest is described."""

from tissuegraph.report import conditions, differential
from tissuegraph.report.outcomes import CohortOutcome, Outcome

PAIR = {"condition_a": "control", "condition_b": "<treated>", "n_patients_a": 5, "n_patients_b": 5}
ROW = PAIR | {"domain": "2", "mean_share_a": 0.2, "mean_share_b": 0.4, "effect": 1.2}


def outcomes(step, told, notes=()):
    cohort = CohortOutcome("g", "G & co", metrics={step: told}, notes=notes)
    return [Outcome(f"s{i}", {}, "passed", cohort=cohort) for i in range(2)]


def composition(tested=True):
    p = {"p_value": 0.008, "p_adjusted": 0.04} if tested else {"p_value": None, "p_adjusted": None}
    return {
        "by": "domain",
        "pairs": [PAIR | {"tested": tested, "least_p": 0.00794 if tested else None}],
        "tests": [ROW | p],
        "agreement": {"one_patient": 0.35, "one_condition": 0.61, "two_conditions": None},
        "sections": [{"sample": "s<1>", "stands_out": "it has fewer counts than the others"}],
        "pictures": {"composition": "data:image/webp;base64,AA"},
    }


def test_a_change_of_share_is_told_with_its_size_and_the_least_p_that_is_possible():
    shares, replicates = conditions.sections(outcomes("composition", composition()), {})
    assert "changed at an adjusted p of .05: 2 (+1.2); no p below 0.008 is possible" in shares.data
    assert "&lt;treated&gt; against control" in shares.data
    assert "<treated>" not in shares.data
    assert 'src="data:image/webp;base64,AA"' in shares.extra
    assert "G &amp; co" in shares.parent[2]
    assert "0.35 between two sections of one patient, 0.61 between two patients" in replicates.data
    assert "s&lt;1&gt;" in replicates.data


def test_a_least_p_of_many_patients_is_not_told_as_zero():
    told = composition()
    told["pairs"][0]["least_p"] = 1e-4
    shares, _ = conditions.sections(outcomes("composition", told), {})
    assert "no p below 1.0e-04 is possible" in shares.data


def test_a_design_that_carries_no_test_is_described_only():
    notes = ("composition: described, not tested, as it has 2", "match: another step")
    shares, _ = conditions.sections(outcomes("composition", composition(tested=False), notes), {})
    assert "described, not tested; the patients do not carry a test" in shares.data
    assert "changed at an adjusted p" not in shares.data
    assert "another step" not in shares.data


def test_groups_without_a_comparison_have_no_chapter():
    assert conditions.sections([Outcome("s", {}, "passed")], {}) == []
    assert conditions.sections(outcomes("composition", {"by": "domain", "names": ["1"]}), {}) == []
    assert differential.sections(outcomes("differential", {"by": "domain", "names": ["1"]}), {}) == []


def test_genes_are_told_with_the_rate_of_false_ones_among_them():
    top = PAIR | {"domain": "4", "gene": "A<B", "log2_fold_change": -1.5, "base_mean": 1234.5}
    told = {
        "by": "domain",
        "rate": 0.1,
        "pairs": [PAIR | {"tested": True, "n_tests": 1600, "n_found": 10}],
        "domains": [{"domain": "4", "n_tests": 320, "n_found": 10}],
        "top": [top | {"p_value": 1e-7, "p_adjusted": 2e-4}],
    }
    (section,) = differential.sections(outcomes("differential", told), {})
    assert (
        "10 of 1,600 tests of a gene in a domain have an adjusted p of 0.1 or less; about 10%" in section.data
    )
    assert "<em>A&lt;B</em>" in section.data
    assert "1.0e-07" in section.data
    told["pairs"][0]["tested"] = False
    (section,) = differential.sections(outcomes("differential", told), {})
    assert "described, not tested" in section.data

"""What is asked of the domains, and what that needs."""

from __future__ import annotations

import pytest

from tissuegraph.sheet.characterise import asked_of_domains, characterise_problems


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("markers,spatial_genes", ["markers", "spatial_genes"]),
        (" denoise , markers,markers", ["markers", "denoise"]),
        ("enrichment", ["markers", "enrichment"]),  # of markers
        ("none", []),
    ],
)
def test_names_come_once_each_in_the_order_of_the_steps(given, asked):
    assert asked_of_domains(given) == (asked, [])


@pytest.mark.parametrize("given", ["", " , ", "marker", "none,markers", "markers;trajectory"])
def test_a_list_that_means_nothing_is_one_line(given):
    asked, problems = asked_of_domains(given)
    assert asked == []
    assert len(problems) == 1
    assert problems[0].startswith("parameter --characterise")
    assert "expected" in problems[0]


def test_steps_need_their_files_and_files_their_steps():
    def problems(asked, **values):
        return list(characterise_problems({"methods": "stmfg", **values}, asked))

    assert problems(["markers", "enrichment"], gene_sets="a.gmt") == []
    (missing,) = problems(["interactions"])
    assert missing.startswith("parameter --interaction_pairs is missing")
    (useless,) = problems(["markers"], root="Layer 1")
    assert useless == "parameter --root: 'Layer 1' - expected --characterise trajectory with it"


def test_only_the_method_with_a_decoder_denoises():
    (line,) = characterise_problems({"methods": "multist"}, ["denoise"])
    assert line.startswith("parameter --methods: 'multist' - expected stmfg")
    assert list(characterise_problems({"methods": "multist,stmfg"}, ["denoise"])) == []

"""An assembled slice as characterising reads it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from helpers.final_slices import COUNTS, IDS, XY, final_data

from tissuegraph.characterise.subject import read_subject
from tissuegraph.errors import InputError


def subject(folder, data):
    data.write_h5ad(folder / "S.h5ad")
    return read_subject(folder / "S.h5ad")


def test_counts_positions_graph_and_domains_are_those_of_the_file(tmp_path):
    found = subject(tmp_path, final_data())
    np.testing.assert_array_equal(found.counts.toarray(), COUNTS)
    np.testing.assert_array_equal(found.xy, XY)
    assert found.graph[0, 1] == 1
    assert list(found.gene_ids) == IDS
    assert list(found.symbols) == ["TP53", "GAPDH", "ACTB"]
    assert (found.by, found.names, found.codes.tolist()) == ("domain", ("1", "2"), [0, 1, 0, 1])
    assert found.sizes.tolist() == [2, 2]
    assert not found.inferred


def test_taught_regions_go_before_domains_and_those_without_a_spot_are_left_out(tmp_path):
    region = pd.Categorical(["white", "grey", None, "white"], categories=["unused", "grey", "white"])
    found = subject(tmp_path, final_data(region=region))
    assert (found.by, found.names) == ("region", ("grey", "white"))
    assert found.codes.tolist() == [1, 0, -1, 1]
    assert found.sizes.tolist() == [1, 2]


def test_a_gene_without_identifier_keeps_its_name(tmp_path):
    found = subject(tmp_path, final_data(ids=["", "ENSG1", ""]))
    assert list(found.gene_ids) == ["TP53", "ENSG1", "ACTB"]


def test_a_slice_without_domains_is_refused(tmp_path):
    data = final_data()
    del data.obs["domain"]
    with pytest.raises(InputError, match=r"no obs\['domain'\]"):
        subject(tmp_path, data)

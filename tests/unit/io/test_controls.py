"""Controls of imaging panels are told by their names, and no gene is taken for one."""

import anndata
import numpy as np
import pandas as pd
import pytest
from helpers.tiny import write_h5ad

from tissuegraph.errors import InputError
from tissuegraph.io.controls import are_controls
from tissuegraph.io.reading import describe, read_slice
from tissuegraph.io.request import Request

CONTROLS = [
    "NegControlProbe_00042", "NegControlCodeword_0500", "NegControlProbe-00042", "antisense_PROKR2",
    "antisense-ADCY4", "BLANK_0037", "BLANK-0037", "Blank-1", "Blank-50", "Blank.7", "blank_12",
    "UnassignedCodeword_0001", "UnassignedCodeword-0001", "DeprecatedCodeword_0321", "Intergenic_Region_1127",
    "NegPrb1", "NegPrb01", "NegPrb10", "Negative1", "Negative10", "Negative", "SystemControl1",
    "SystemControl197", "FalseCode1", "FalseCode12", "NegAdd3", "NegProbe-WTX", "NegProbe-CTP01",
    "Negative Control Probe 3", "GenomicControl_12",
]  # fmt: skip
GENES = [
    # Symbols of human, mouse, fly and others that begin or sound alike
    "NEGR1", "Negr1", "NELFA", "NEFL", "NEK1", "BLNK", "Blnk", "BLK", "BLACAT1", "blanks", "BLZF1", "SYS1",
    "SYSL1", "SYT1", "SYTL2", "FASN", "FALEC", "FALZ", "ANTXR1", "ANTKMT", "INTS1", "INTU", "INTERGENIN",
    "DEPDC1", "DEPTOR", "UNC5A", "UNASSIGNED", "CTRL", "CTRB1", "CONTROL1", "MALAT1", "BACE1-AS",
    "ZEB1-AS1", "MT-CO1", "HLA-A", "ERCC1", "ERCC2", "ERCC-00002", "NTRK1", "Neg1", "GENOMIC1", "PROBE1",
    "CODE1", "ENSG00000172260", "NEGATIVE-REGULATOR", "H2-K1", "Gm12345", "Blank", "",
]  # fmt: skip


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_is_told_by_its_name(name):
    assert are_controls(np.array([name])).tolist() == [True]


@pytest.mark.parametrize("name", GENES)
def test_a_gene_that_is_called_alike_is_no_control(name):
    assert are_controls(np.array([name])).tolist() == [False]


def test_either_name_tells():
    ids, symbols = np.array(["ENSG1", "NegPrb1", "ENSG3"]), np.array(["ACTB", "x", "Blank-1"])
    assert are_controls(ids, symbols).tolist() == [False, True, True]


def read(tmp_path, names, types=None):
    counts = np.arange(3 * len(names), dtype=np.float32).reshape(3, -1)
    var = pd.DataFrame(index=names)
    if types is not None:
        var["feature_types"] = types
    adata = anndata.AnnData(
        counts, obs=pd.DataFrame(index=["a", "b", "c"]), var=var, obsm={"spatial": np.eye(3)[:, :2]}
    )
    said = []
    return read_slice(
        Request(sample="S", path=write_h5ad(tmp_path / "a.h5ad", adata), warn=said.append)
    ), said


def test_controls_of_an_h5ad_are_left_out_and_their_counts_kept(tmp_path):
    result, said = read(tmp_path, ["ACTB", "Blank-1", "GFAP", "NegPrb3"])
    assert result.var_names.tolist() == ["ACTB", "GFAP"]
    np.testing.assert_array_equal(result.X.toarray(), [[0, 2], [4, 6], [8, 10]])
    assert result.obs["control_counts"].tolist() == [1 + 3, 5 + 7, 9 + 11]
    assert result.uns["tissuegraph"]["n_controls"] == 2
    assert said == []  # every slice of an imaging platform has controls
    described = describe(result)
    assert (described["n_controls"], described["control_share"]) == (2, (4 + 12 + 20) / (4 + 12 + 20 + 30))


def test_controls_told_by_type_are_counted_too_and_antibodies_are_not(tmp_path):
    types = ["Gene Expression", "Negative Control Codeword", "Antibody Capture", "Gene Expression"]
    result, said = read(tmp_path, ["ACTB", "odd", "CD3", "Blank-2"], types)
    assert result.var_names.tolist() == ["ACTB"]
    assert result.obs["control_counts"].tolist() == [1 + 3, 5 + 7, 9 + 11]
    assert said == ["1 features that are not gene expression (Antibody Capture) were left out"]


def test_a_matrix_of_controls_alone_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"the matrix has no genes, only controls \(Blank-1, Blank-2\); give"
    ):
        read(tmp_path, ["Blank-1", "Blank-2"])


def test_a_slice_without_controls_has_no_column_of_them(tmp_path):
    result, said = read(tmp_path, ["ACTB", "GFAP"])
    assert "control_counts" not in result.obs
    assert "n_controls" not in result.uns["tissuegraph"]
    assert "n_controls" not in describe(result)
    assert said == []

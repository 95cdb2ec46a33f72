"""markers.py, spatial_genes.py and enrichment.py on a slice whose markers are known, and on odd ones."""

import anndata
import numpy as np
import pandas as pd
import pytest
from helpers.characterised_slices import planted_slice, write_planted
from helpers.scripts import invoke_script, run_script
from scipy import sparse

from tissuegraph.records import FAILED, PASSED, read_record


def words(folder, *more):
    return (
        "--sample", "s", "--h5ad", folder / "s.h5ad", *more,
        "--outdir", folder, "--record", folder / "r.json",
    )  # fmt: skip


def characterised(step, folder, data=None, *more):
    """The record of a step run within this process."""
    write_planted(folder / "s.h5ad", data)
    figures = () if step == "enrichment" else ("--figures", "png")
    result = invoke_script(step, *words(folder, *figures, *more))
    assert result.exit_code == 0, result.output
    return read_record(folder / "r.json")


def table(folder, name):
    return pd.read_csv(folder / f"s.{name}.csv", dtype={"domain": str})


def test_planted_markers_come_first_and_the_split_confirms_them(tmp_path):
    write_planted(tmp_path / "s.h5ad")
    done = run_script("markers", *words(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found, record = table(tmp_path, "markers"), read_record(tmp_path / "r.json")
    for domain, own in found.groupby("domain"):
        first = own.head(20)
        assert [int(gene[2:]) % 3 + 1 for gene in first["gene"]] == [int(domain)] * 20
        assert (first["p_adjusted_split"] < 0.01).all()
        assert (first["log2_fold_change"] > 1).all()
        assert list(own["rank"]) == list(range(1, len(own) + 1))
    assert list(found.columns[:9]) == [
        "domain", "gene", "rank", "auc", "log2_fold_change", "share_inside", "share_outside", "p_adjusted",
        "p_adjusted_split",
    ]  # fmt: skip
    assert set(found["symbol"]) & {"Gene6", "Gene7", "Gene8"}
    assert record.metrics["by"] == "domain"
    assert set(record.metrics["pictures"]) == {"marker_dots", "marker_heat", "marker_maps"}
    for name in record.metrics["files"].values():
        assert (tmp_path / name).exists()
        assert (tmp_path / name).with_suffix(".svg").exists()


def test_domain_means_are_mean_raw_counts(tmp_path):
    data = planted_slice()
    characterised("markers", tmp_path, data)
    means = table(tmp_path, "domain_means").set_index("gene")
    counts = data.layers["counts"].toarray()[data.obs["domain"] == "2"]
    assert means["2"].to_numpy() == pytest.approx(counts.mean(axis=0), rel=1e-5)
    assert list(means.index) == list(data.var_names)


def test_regions_go_before_domains(tmp_path):
    data = planted_slice()
    data.obs["region"] = pd.Categorical(np.where(data.obs["domain"] == "1", "WM, deep", "L1"))
    assert characterised("markers", tmp_path, data).metrics["by"] == "region"
    assert set(table(tmp_path, "markers")["domain"]) == {"WM, deep", "L1"}


def test_regions_may_be_called_like_columns_and_formulas(tmp_path):
    data = planted_slice()
    names = {"1": "gene", "2": "=WM", "3": "-L2/3"}
    data.obs["region"] = pd.Categorical(data.obs["domain"].map(names))
    assert characterised("markers", tmp_path, data).status == PASSED
    header = (tmp_path / "s.domain_means.csv").read_text().partition("\n")[0]
    assert header == "gene,gene (region),'=WM,'-L2/3"
    options = gmt(tmp_path, ("of 2", [f"Gene{k}" for k in range(7, 60, 3)]))
    record = characterised("enrichment", tmp_path, data, *options)
    assert [domain["n_markers"] > 0 for domain in record.metrics["domains"]] == [True] * 3
    found = pd.read_csv(tmp_path / "s.enrichment.csv")
    assert found[found["p_adjusted"] < 0.01]["domain"].tolist() == ["'=WM"]


def test_inferred_expression_has_no_p(tmp_path):
    data = planted_slice()
    data.uns["tissuegraph"]["inferred"] = True
    record = characterised("markers", tmp_path, data)
    assert table(tmp_path, "markers")[["p_adjusted", "p_adjusted_split"]].isna().all(axis=None)
    assert "inferred from the image" in record.notes[0]
    characterised("spatial_genes", tmp_path, data)
    assert table(tmp_path, "spatial_genes").filter(like="p_").isna().all(axis=None)


@pytest.mark.parametrize("step", ["markers", "spatial_genes"])
@pytest.mark.parametrize("odd", ["one domain", "a tiny domain", "no counts", "no whole numbers"])
def test_too_little_to_work_on_is_a_note_and_no_crash(tmp_path, step, odd):
    data = planted_slice()
    counts = data.layers["counts"].copy()
    if odd == "one domain":
        data.obs["domain"] = pd.Categorical(["1"] * data.n_obs)
    elif odd == "a tiny domain":
        data.obs["domain"] = pd.Categorical(np.where(np.arange(data.n_obs) < 4, "2", "1"))
    elif odd == "no counts":
        counts = sparse.csr_matrix(counts.shape, dtype=np.float32)
    else:
        counts.data += 0.5
    data.layers["counts"] = counts
    record = characterised(step, tmp_path, data)
    assert record.status == PASSED
    assert record.notes or (step, odd) in {
        ("spatial_genes", "a tiny domain"), ("spatial_genes", "no whole numbers"),
    }  # fmt: skip
    assert (tmp_path / f"s.{step}.csv").exists()


@pytest.mark.parametrize("step", ["markers", "spatial_genes"])
def test_a_slice_of_which_no_spot_is_in_a_region_is_said_to_be_so(tmp_path, step):
    data = planted_slice()
    data.obs["region"] = pd.Categorical([None] * data.n_obs, categories=["WM"])
    assert characterised(step, tmp_path, data).notes == ["no spot is in a region"]


def test_without_neighbours_nothing_is_said_of_where_genes_lie(tmp_path):
    data = planted_slice()
    data.obsp["spatial_graph"] = sparse.csr_matrix((data.n_obs, data.n_obs), dtype=np.float32)
    record = characterised("spatial_genes", tmp_path, data)
    assert record.notes == ["no spot has a neighbour in the tissue: nothing is said of where genes lie"]


def test_spatial_genes_are_found_and_their_domains_explain_them(tmp_path):
    record = characterised("spatial_genes", tmp_path)
    found = table(tmp_path, "spatial_genes")
    assert (found["p_adjusted"] < 0.01).all()
    assert (found["p_adjusted_within_domains"] < 0.05).mean() < 0.1
    assert (found["morans_i_within_domains"] < found["morans_i"]).all()
    assert record.metrics["n_spatial"] == 60
    assert len(record.metrics["top"]) == 10
    assert (tmp_path / "s.spatial_genes.png").exists()


def test_scripts_need_no_library_that_another_loads(tmp_path):
    write_planted(tmp_path / "s.h5ad")
    done = run_script("spatial_genes", *words(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "s.spatial_genes.svg").exists()
    (tmp_path / "s.markers.csv").write_text("domain,gene,p_adjusted,p_adjusted_split\n1,ID6,0.01,\n")
    options = gmt(tmp_path, ("of 1", ["ID6", "ID9", "ID12"]))
    done = run_script("enrichment", *words(tmp_path, *options), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(table(tmp_path, "enrichment")["overlap"]) == ["Gene6"]


def gmt(folder, *sets):
    (folder / "sets.gmt").write_text("".join("\t".join([name, "", *genes]) + "\n" for name, genes in sets))
    return "--gene-sets", folder / "sets.gmt", "--markers", folder / "s.markers.csv"


def test_the_set_of_a_domain_is_found_in_it_alone(tmp_path):
    characterised("markers", tmp_path)
    own = [f"Gene{k}" for k in range(6, 60, 3)]
    options = gmt(tmp_path, ("of 1", own), ("alien", ["TP53"]), ("case", ["GENE6", "GENE7"]))
    record = characterised("enrichment", tmp_path, None, *options)
    found = table(tmp_path, "enrichment")
    row = found[found["domain"] == "1"].iloc[0]
    assert (row["gene_set"], row["n_genes"], row["n_overlap"]) == ("of 1", 18, 18)
    assert max(row["p_adjusted"], row["p_shuffled"]) < 0.01
    assert set(row["overlap"].split(";")) == set(own)
    assert not (found[found["domain"] != "1"]["p_adjusted"] < 0.05).any()
    assert record.notes[0] == "2 gene sets have no measured gene: alien, case"
    assert "2 genes of the sets differ" in record.notes[1]
    assert record.metrics["n_sets"] == 1


def test_the_background_is_of_the_spots_that_are_in_a_domain(tmp_path):
    data = planted_slice()
    counts = data.layers["counts"].toarray()
    unsure = np.arange(data.n_obs) % 3 == 0
    data.obs["region"] = pd.Categorical(np.where(unsure, None, data.obs["domain"].astype(object)))
    counts[~unsure, 59] = 0  # seen in spots of no region only, so it can be no marker
    data.layers["counts"] = sparse.csr_matrix(counts)
    characterised("markers", tmp_path, data)
    record = characterised("enrichment", tmp_path, data, *gmt(tmp_path, ("s", ["Gene6", "Gene9", "Gene12"])))
    assert record.metrics["n_background"] == 59


def test_no_set_and_no_marker_leave_an_empty_table(tmp_path):
    data = planted_slice()
    data.obs["domain"] = pd.Categorical(["1"] * data.n_obs)
    characterised("markers", tmp_path, data)
    characterised("enrichment", tmp_path, data, *gmt(tmp_path, ("of 1", ["Gene6", "Gene9", "Gene12"])))
    found = table(tmp_path, "enrichment")
    assert found.empty
    assert "p_shuffled" in found.columns


def test_a_file_that_is_no_gmt_is_said_in_one_line(tmp_path):
    characterised("markers", tmp_path)
    options = gmt(tmp_path, ("set", ["a"]))
    (tmp_path / "sets.gmt").write_text("a set without tabs\n")
    record = characterised("enrichment", tmp_path, None, *options)
    assert record.status == FAILED
    assert "sets.gmt line 1" in record.reasons[0]


def test_an_h5ad_without_domains_is_a_failed_record(tmp_path):
    data: anndata.AnnData = planted_slice()
    del data.obs["domain"]
    assert characterised("markers", tmp_path, data).status == FAILED
    assert not (tmp_path / "s.markers.csv").exists()


@pytest.mark.realdata
def test_known_layer_markers_of_cortex_come_first_in_their_layers(tmp_path, real_data):
    data = anndata.read_h5ad(real_data / "starmap" / "mpfc_BZ5.h5ad")
    data = data[data.obs["ground_truth"].notna()].copy()
    data.layers["counts"] = sparse.csr_matrix(data.X, dtype=np.float32)
    data.obs["domain"] = pd.Categorical(data.obs["ground_truth"].astype(str))
    from tissuegraph.slices.graphs import knn_graph

    data.obsp["spatial_graph"] = sparse.csr_matrix(knn_graph(data.obsm["spatial"], 6), dtype=np.float32)
    data.uns["tissuegraph"] = {"sample": "s"}
    data = anndata.AnnData(
        data.layers["counts"], data.obs[["domain"]], data.var[[]], data.uns,
        obsm={"spatial": data.obsm["spatial"]}, obsp=dict(data.obsp), layers=dict(data.layers),
    )  # fmt: skip
    characterised("markers", tmp_path, data)
    ranks = table(tmp_path, "markers").set_index(["domain", "gene"])["rank"]
    for layer, gene in (("L1", "Bgn"), ("L2/3", "Cux2"), ("L5", "Etv1"), ("L6", "Pcp4")):
        assert ranks[layer, gene] == 1

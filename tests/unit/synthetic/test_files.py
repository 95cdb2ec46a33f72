"""Generated slices on disk read back as they were drawn, in every layout."""

import csv
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tissuegraph.errors import SettingsError
from tissuegraph.synthetic.cohorts import plan, write_cohort
from tissuegraph.synthetic.settings import CELLS, SliceSettings
from tissuegraph.synthetic.slices import make_slice
from tissuegraph.synthetic.writers import (
    write_full_resolution,
    write_h5ad,
    write_image,
    write_samplesheet,
    write_space_ranger,
)

BIN = Path(__file__).parents[3] / "bin"
SMALL = SliceSettings(n_spots=300, n_genes=300, n_domains=4, hires_px=300, lowres_px=120)


@pytest.fixture(scope="module")
def small():
    return make_slice(SMALL)


@pytest.mark.parametrize(("version", "header"), [(1, None), (2, 0)])
def test_space_ranger_outs_read_back_as_generated(tmp_path, small, version, header):
    import pandas as pd
    import scanpy

    outs = write_space_ranger(small, tmp_path, version=version, hires=version > 1)
    read = scanpy.read_10x_h5(outs / "filtered_feature_bc_matrix.h5")
    assert abs(read.X - small.counts).nnz == 0
    assert read.obs_names.tolist() == small.barcodes.tolist()
    assert read.var_names.tolist() == small.genes.tolist()
    assert read.var["gene_ids"].tolist() == small.gene_ids.tolist()

    name = "tissue_positions.csv" if version > 1 else "tissue_positions_list.csv"
    table = pd.read_csv(outs / "spatial" / name, header=header, index_col=0)
    table.columns = ["in_tissue", "array_row", "array_col", "y", "x"]
    assert table["in_tissue"].sum() == 300
    table = table.loc[small.barcodes]
    assert (table[["x", "y"]].to_numpy() == small.position).all()
    assert table["array_row"].tolist() == small.array_row.tolist()
    assert table["array_col"].tolist() == small.array_col.tolist()
    assert (outs / "spatial" / "tissue_hires_image.png").exists() == (version > 1)

    annotation = pd.read_csv(tmp_path / "annotation.csv", index_col="barcode")["label"]
    assert (annotation.loc[small.barcodes] == small.annotation).all()


def test_scale_factors_map_full_resolution_onto_the_images(tmp_path, small):
    from PIL import Image

    spatial = write_space_ranger(small, tmp_path) / "spatial"
    factors = json.loads((spatial / "scalefactors_json.json").read_text())
    for name, longest in (("hires", 300), ("lowres", 120)):
        size = Image.open(spatial / f"tissue_{name}_image.png").size
        assert max(size) == longest
        expected = np.array(small.image_size) * factors[f"tissue_{name}_scalef"]
        np.testing.assert_allclose(size, expected, atol=1.0)
    assert factors["spot_diameter_fullres"] == pytest.approx(55 / SMALL.um_per_px)


def test_h5ad_reads_back_as_generated(tmp_path, small):
    import anndata

    read = anndata.read_h5ad(write_h5ad(small, tmp_path / "one.h5ad"))
    assert abs(read.X - small.counts).nnz == 0
    assert (read.obsm["spatial"] == small.position).all()
    assert (read.obs["layer"].astype(str) == small.annotation).all()
    assert read.uns["spatial"]["one"]["images"]["hires"].dtype == np.uint8


@pytest.mark.parametrize("ending", ["tif", "jpg"])
def test_the_full_resolution_image_has_the_size_that_positions_refer_to(tmp_path, ending):
    from skimage.io import imread

    drawn = make_slice(replace(SMALL, n_spots=40, um_per_px=4.0))
    image = imread(write_full_resolution(drawn, tmp_path / f"full.{ending}"))
    assert image.shape[1::-1] == drawn.image_size


def test_sheet_lists_every_slice_with_files_that_exist(tmp_path):
    sheet = write_cohort(plan("test", seed=5), tmp_path)
    rows = list(csv.DictReader(sheet.open()))
    assert [row["sample"] for row in rows] == ["layered", "patchy", "old_layout"]
    assert [row["platform"] for row in rows] == ["visium", "h5ad", "visium"]
    for row in rows:
        assert (tmp_path / row["path"]).exists()
        assert row["annotation"] == "layer" or (tmp_path / row["annotation"]).exists()
    assert not (tmp_path / "old_layout" / "outs" / "spatial" / "tissue_hires_image.png").exists()


def test_slices_of_full_size_are_those_that_the_profile_test_full_reads(root):
    slices = plan("full")
    assert [(item.name, item.settings.n_spots, item.teaches) for item in slices] == [
        ("cortex_1", 4000, True),
        ("cortex_2", 4000, False),
        ("tumour_1", 4000, False),
    ]
    assert len({item.settings.seed for item in slices}) == 3
    config = (root / "conf" / "test_full.config").read_text()
    folder = re.search(r"--preset full --out (\w+)", config)[1]
    assert f"input = '{folder}/samplesheet.csv'" in config


def test_sheet_has_an_image_column_only_where_a_slice_has_an_image(tmp_path):
    row = {"sample": "a", "path": "a.h5ad"}
    without = write_samplesheet([row], tmp_path / "a.csv").read_text().splitlines()
    beside = write_samplesheet([row, row | {"image": "a.tif"}], tmp_path / "b.csv").read_text().splitlines()
    assert without[0] == "sample,path,platform,n_domains,group,annotation"
    assert beside[0].endswith(",image")


def test_cohort_names_are_unique_and_some_slices_are_too_shallow():
    slices = plan("cohort", 40, seed=0)
    assert len({item.name for item in slices}) == 40
    assert sum(item.settings.depth < 100 for item in slices) == 4
    assert len({item.group for item in slices}) == 10


def test_cells_without_lattice_are_not_written_as_space_ranger(tmp_path):
    with pytest.raises(SettingsError, match="write them as h5ad"):
        write_space_ranger(make_slice(replace(SMALL, lattice=CELLS, pitch_um=12.0)), tmp_path)


def test_unknown_image_endings_are_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"use \.tif, \.jpg or \.png"):
        write_image(np.zeros((2, 2, 3), np.uint8), tmp_path / "a.bmp")


def test_drawing_a_slice_loads_no_heavy_package():
    check = (
        "import sys, tissuegraph.synthetic.cohorts as _; "
        "print({'pandas', 'anndata', 'PIL', 'skimage', 'sklearn', 'torch', 'scanpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", check], cwd=BIN, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

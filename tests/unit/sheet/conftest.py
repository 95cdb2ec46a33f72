"""Shared by the tests of samplesheets: its schema, and a sheet written and read."""

import json

import pytest

from tissuegraph.sheet.check import read_samplesheet


@pytest.fixture(scope="session")
def schema(root):
    return json.loads((root / "assets" / "schema_input.json").read_text())


@pytest.fixture
def read(tmp_path, schema):
    def write_and_read(content, name="sheet.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_samplesheet(path, schema)

    return write_and_read

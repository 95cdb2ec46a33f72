#!/usr/bin/env python3
"""Write the page to explore one slice in a browser, from its final h5ad."""

from __future__ import annotations

from pathlib import Path

import click

from tissuegraph.cli import (
    failed_slice_is_a_result,
    h5ad_option,
    output_file,
    record_option,
    sample_option,
)
from tissuegraph.records import Record


@click.command()
@sample_option
@h5ad_option
@click.option("--page", required=True, type=output_file, help="HTML file to write.")
@record_option
@failed_slice_is_a_result("explore")
def main(record: Record, h5ad: Path, page: Path) -> None:
    """Write one HTML file that shows the slice without a network: image, domains, genes, lasso."""
    from tissuegraph.explore.page import write_page

    write_page(record, h5ad, page)


if __name__ == "__main__":
    main()

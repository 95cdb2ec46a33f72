"""What the scripts in bin/ share: one-line errors and the options that recur."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import click

from tissuegraph.errors import TissuegraphError
from tissuegraph.records import Record

existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)
existing_directory = click.Path(exists=True, file_okay=False, path_type=Path)
output_file = click.Path(dir_okay=False, writable=True, path_type=Path)


def one_line_errors(command: Callable) -> Callable:
    """Turn an error meant for the user into one line on stderr and exit status 1."""

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except TissuegraphError as error:
            raise click.ClickException(str(error)) from error

    return wrapped


def failed_slice_is_a_result(step: str) -> Callable:
    """For steps that read a user's files: a bad slice becomes a failed record, not a failed task.

    The decorated function takes the step's Record as its first argument. The script must have the
    options `--sample` and `--record`. One bad slice then leaves the run without stopping the others.
    """

    def decorate(command: Callable) -> Callable:
        @functools.wraps(command)
        def wrapped(*, sample: str, record: Path, **kwargs):
            entry = Record(sample, step)
            try:
                command(entry, **kwargs)
            except TissuegraphError as error:
                entry.fail(str(error))
                click.echo(f"{sample}: {error}", err=True)
            entry.write(record)

        return wrapped

    return decorate


sample_option = click.option("--sample", required=True, help="Name of the slice in the samplesheet.")
record_option = click.option("--record", required=True, type=output_file, help="JSON record to write.")
slice_option = click.option(
    "--slice", "slice_path", required=True, type=existing_file, help="Canonical slice (h5ad)."
)
spots_option = click.option(
    "--spots", "spots_path", required=True, type=existing_file, help="Per-spot QC table."
)
seed_option = click.option("--seed", default=0, show_default=True, help="First random seed.")

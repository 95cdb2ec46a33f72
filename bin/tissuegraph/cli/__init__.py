"""What the scripts in bin/ share: the options that recur, and what becomes of a slice that fails."""

from __future__ import annotations

import atexit
import functools
import gc
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from tissuegraph.cli.startup import let_wait
from tissuegraph.cli.watch import end_with_engine
from tissuegraph.errors import InputError, SettingsError, TissuegraphError
from tissuegraph.methods import DOMAINS, METHODS
from tissuegraph.presets import load_settings
from tissuegraph.records import FAILED, Record

# Before the libraries load, hence here: most of what a small slice costs is importing them
let_wait()
# Last of all that is done at exit, hence here: what libraries hold in circles is left to the system, since to
# take it apart takes a second after torch.
atexit.register(gc.freeze)
# Before torch loads, hence here: threads that wait for each other should sleep. Spinning costs ten times the
# work where tasks share cores, as they do on a busy node.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

FIGURES = ("png,svg", "png")  # formats of figures that may be asked for, as nextflow_schema.json has them
OUT_OF_MEMORY = 137  # exit status of a task that was killed for want of memory: the engine gives it more
_CODE = Path(__file__).resolve().parents[2]

existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)
existing_directory = click.Path(exists=True, file_okay=False, path_type=Path)
output_file = click.Path(dir_okay=False, writable=True, path_type=Path)
output_directory = click.Path(file_okay=False, path_type=Path)


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
    """For steps on one slice: a slice that fails leaves the run without stopping the others.

    The command takes the step's Record as its first argument; it needs the options `--sample` and `--record`,
    of which it gets neither. Where it raises, or fails the record, the record says why and is the only file
    written: what goes to an option of type output_file or output_directory appears when all is done. The
    record also gets the `seconds` it took, unless the command sets its own.

    InputError: a failure of the slice's content, in one line. Any other exception is a bug; the record names
    its type, message and place, and the traceback goes to stderr. Both exit with 0. Settings and usage would
    fail every slice alike and stop the run (2); without memory the task ends as if killed, to be given more.
    """

    def decorate(command: Callable) -> Callable:
        @functools.wraps(command)
        def wrapped(*, sample: str, record: Path, **kwargs):
            end_with_engine()
            started, entry = time.perf_counter(), Record(sample, step)
            try:
                with _complete_or_absent(kwargs, entry) as staged:
                    command(entry, **staged)
            except SettingsError as error:
                raise click.UsageError(str(error)) from error
            except (click.ClickException, click.exceptions.Exit, click.Abort):
                raise
            except InputError as error:
                entry.fail(str(error))
                click.echo(f"{sample}: {error}", err=True)
            except Exception as error:
                traceback.print_exc()
                if _lacks_memory(error):
                    click.echo(f"{sample}: out of memory in {step}; give the task more", err=True)
                    sys.exit(OUT_OF_MEMORY)
                entry.fail(f"{step} broke off: {type(error).__name__} at {_place(error)}: {error}")
            entry.metrics.setdefault("seconds", round(time.perf_counter() - started, 3))
            record.parent.mkdir(parents=True, exist_ok=True)
            entry.write(record)

        return wrapped

    return decorate


@contextmanager
def _complete_or_absent(options: dict[str, Any], record: Record) -> Iterator[dict[str, Any]]:
    """The options of the command in progress, with every output moved into a folder beside where it belongs.

    What was written there moves to its place at the end, unless something was raised or the record failed.
    """
    kinds = {item.name: item.type for item in click.get_current_context().command.params}
    outputs = {
        name: path
        for name, path in options.items()
        if path is not None and kinds.get(name) in (output_file, output_directory)
    }
    with ExitStack() as folders:
        staged = {}
        for name, path in outputs.items():
            home = path if path.is_dir() else path.parent
            home.mkdir(parents=True, exist_ok=True)
            folder = Path(folders.enter_context(tempfile.TemporaryDirectory(prefix=".unfinished-", dir=home)))
            staged[name] = folder if kinds[name] is output_directory else folder / path.name
        yield options | staged
        if record.status != FAILED:
            for name, path in outputs.items():
                _move(staged[name], path)


def _move(source: Path, target: Path) -> None:
    """A file, or all files of a directory, over whatever is there; what was not written is not missed."""
    if source.is_dir():
        target.mkdir(exist_ok=True)
        for path in source.iterdir():
            _move(path, target / path.name)
    elif source.exists():
        source.replace(target)


def _lacks_memory(error: Exception) -> bool:
    """Python's and numpy's MemoryError, torch's on a GPU, and what torch says where a CPU's memory ends."""
    of_torch = any(
        kind.__name__ == "OutOfMemoryError" and kind.__module__.partition(".")[0] == "torch"
        for kind in type(error).__mro__
    )
    return isinstance(error, MemoryError) or of_torch or "DefaultCPUAllocator" in str(error)


def _place(error: Exception) -> str:
    """Innermost line of the own code that the error passed, e.g. tissuegraph/slices/graphs.py:83."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).resolve().is_relative_to(_CODE)]
    last = (own or frames)[-1]
    path = Path(last.filename).resolve()
    return f"{path.relative_to(_CODE) if own else path.name}:{last.lineno}"


def settings_options(method: str | None = None, step: str | None = None) -> Callable:
    """`--preset` and `--set`; the command gets the `settings` that they amount to.

    method: the only one that the command serves, whose presets need no METHOD/; None: all that find domains.
    step: whose topics it reads, see tissuegraph.presets.method.read_by; None: all.
    Settings that cannot be read stop the run: they would fail every slice alike.
    """
    known = f"Name of a preset of {method}" if method else "METHOD/NAME of a preset, e.g. stmfg/default"
    preset = click.option(
        "--preset",
        required=method is None,
        default="default" if method else None,
        show_default=True,
        help=f"{known}, or a YAML file.",
    )
    overrides = click.option(
        "--set", "overrides", multiple=True, metavar="TOPIC.KEY=VALUE", help="Override one setting; repeats."
    )

    def decorate(command: Callable) -> Callable:
        @preset
        @overrides
        @functools.wraps(command)
        def wrapped(*, preset: str, overrides: tuple[str, ...], **kwargs):
            try:
                settings = load_settings(preset, overrides, method=method, step=step)
            except SettingsError as error:
                raise click.BadParameter(str(error), param_hint="'--preset'") from error
            served = [method] if method else [name for name in METHODS if METHODS[name].answers == DOMAINS]
            if settings.method not in served:
                raise click.BadParameter(
                    f"{preset} holds settings of {settings.method}, expected {' or '.join(served)}",
                    param_hint="'--preset'",
                )
            return command(settings=settings, **kwargs)

        return wrapped

    return decorate


def sections_options(command: Callable) -> Callable:
    """`--sections`, `--slices` and `--spots` of a step over a group, as the engine stages them.

    The command gets `files`: name of the section -> its canonical slice and its table of spots.
    """

    @click.option("--sections", required=True, help="Names of the sections, joined by commas.")
    @click.option(
        "--slices",
        required=True,
        type=existing_directory,
        help="Canonical slices in folders 1, 2, ... in that order.",
    )
    @click.option(
        "--spots",
        required=True,
        type=existing_directory,
        help="Per-spot QC tables in folders 1, 2, ... likewise.",
    )
    @functools.wraps(command)
    def wrapped(*, sections: str, slices: Path, spots: Path, **kwargs):
        files = {
            name: (slices / str(k) / "slice.h5ad", spots / str(k) / "spots.csv.gz")
            for k, name in enumerate(sections.split(","), start=1)
        }
        return command(files=files, **kwargs)

    return wrapped


def n_seeds_option(what: str) -> Callable:
    """`--n-seeds`; what: what is done once per seed, for the help."""
    return click.option("--n-seeds", type=click.IntRange(min=1), default=1, show_default=True, help=what)


n_domains_option = click.option(
    "--n-domains", required=True, type=click.IntRange(min=1), help="Number of domains."
)
sample_option = click.option("--sample", required=True, help="Name of the slice in the samplesheet.")
group_option = click.option("--sample", required=True, help="group:ID of the group; ID names the files.")
assembled_option = click.option(
    "--sections", required=True, type=existing_directory, help="Final h5ad of every section."
)
h5ad_option = click.option("--h5ad", required=True, type=existing_file, help="Final h5ad of the slice.")
record_option = click.option("--record", required=True, type=output_file, help="JSON record to write.")
slice_option = click.option(
    "--slice", "slice_path", required=True, type=existing_file, help="Canonical slice (h5ad)."
)
spots_option = click.option(
    "--spots", "spots_path", required=True, type=existing_file, help="Per-spot QC table."
)
seed_option = click.option("--seed", default=0, show_default=True, help="First random seed.")
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
figures_option = click.option(
    "--figures",
    "formats",
    type=click.Choice(FIGURES),
    default=FIGURES[0],
    show_default=True,
    callback=lambda _context, _option, value: tuple(value.split(",")),
    help="Formats of the figures.",
)
outdir_option = click.option("--outdir", default=".", type=output_directory, show_default=True)

"""Large tables of cells: counts parsed a piece at a time into a sparse matrix, and of others some columns."""

from __future__ import annotations

import csv
import gzip
import io
import re
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from scipy import sparse

from tissuegraph.errors import InputError
from tissuegraph.io.budget import check_count, check_declared
from tissuegraph.io.kinds import GZIP, first_bytes, kind_of_bytes
from tissuegraph.io.text import brief

if TYPE_CHECKING:
    import pandas as pd

VALUES = 1 << 24  # parsed at a time: 64 MB of counts
MOST_HEADER = 1 << 24  # characters; 20,000 genes take 200,000


@dataclass(frozen=True, eq=False)
class CountTable:
    """One row per cell: ids, the columns (N,) of text that are no genes; genes (G,); counts (N, G)."""

    ids: pd.DataFrame
    genes: np.ndarray
    counts: sparse.csr_matrix


def read_counts(path: Path, name: str, is_id: Callable[[int, str], bool]) -> CountTable:
    """Read counts from a CSV, gzip or not, with a header and one row per cell.

    name: how messages call the file; is_id: whether a column (position, name) is text and no gene.
    Raises InputError.
    """
    import pandas as pd

    header = read_header(path, name)
    id_columns = [column for column, title in enumerate(header) if is_id(column, title)]
    gene_columns = [column for column in range(len(header)) if column not in set(id_columns)]
    if not id_columns or not gene_columns:
        what = "genes" if id_columns else "ids of cells"
        raise InputError(
            f"{name} has no {what} (its columns: {brief(', '.join(header))}); copy the directory again"
        )
    dtypes = {column: str if column in set(id_columns) else np.float32 for column in range(len(header))}
    ids, blocks, n_rows = [], [], 0
    for piece in _pieces(path, name, dtypes, max(1, VALUES // len(header))):
        values = piece[gene_columns].to_numpy(dtype=np.float32)
        missing = np.isnan(values).any(axis=1)
        if missing.any():
            raise InputError(
                f"{name}: line {n_rows + int(np.argmax(missing)) + 2} lacks counts; copy the file again"
            )
        n_rows += len(piece)
        check_count(name, n_rows)
        ids.append(piece[id_columns].fillna(""))
        blocks.append(sparse.csr_matrix(values))
    if not n_rows:
        raise InputError(f"{name} has a header but no rows; expected one row per cell")
    named = pd.concat(ids, ignore_index=True).set_axis([header[column] for column in id_columns], axis=1)
    genes = np.array([header[column] for column in gene_columns], dtype=str)
    return CountTable(named, genes, sparse.vstack(blocks, format="csr"))


def read_cells(
    path: Path, name: str, ids: Sequence[str], numbers: Sequence[str], others: re.Pattern[str]
) -> pd.DataFrame:
    """Table of cells: `ids` as text, `numbers` as float64, and the columns whose whole names fit `others`.

    A parquet file or a CSV, gzip or not. Names are those asked for, whatever the case in the file.
    Raises InputError.
    """
    import pandas as pd

    parquet = path.suffix == ".parquet"
    header = _parquet_header(path, name) if parquet else read_header(path, name)
    place = {title.lower(): column for column, title in reversed(list(enumerate(header)))}
    required = [*ids, *numbers]
    if missing := [title for title in required if title.lower() not in place]:
        raise InputError(f"{name} lacks {', '.join(missing)}; expected {', '.join(required)}")
    columns = {place[title.lower()]: title for title in required}
    columns |= {n: t for n, t in enumerate(header) if n not in columns and others.fullmatch(t)}
    if parquet:
        table = _read_parquet(path, name, [header[n] for n in columns])
        table.columns = list(columns)
    else:
        dtypes = {n: str for n, title in columns.items() if title in ids}
        table = pd.concat(list(_pieces(path, name, dtypes, max(1, VALUES // 16), list(columns), len(header))))
    table = table[list(columns)].set_axis(list(columns.values()), axis=1).reset_index(drop=True)
    if table.empty:
        raise InputError(f"{name} has no rows; expected one row per cell")
    check_count(name, len(table))
    for title in ids:
        table[title] = [_text(value) for value in table[title]]
    for title in numbers:
        try:
            table[title] = pd.to_numeric(table[title]).astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{name}: {brief(error)}; expected numbers in {title}") from error
    return table


def _text(value: Any) -> str:
    if isinstance(value, bytes):  # Xenium's parquet files keep ids as bytes
        return value.decode("utf-8", errors="replace")
    return "" if value is None or value != value else str(value).strip()


def read_header(path: Path, name: str) -> list[str]:
    """Names of the columns of a CSV, gzip or not; raises InputError."""
    with _readable(name), _opened(path, name) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        line = text.readline(MOST_HEADER)
        if len(line) >= MOST_HEADER:
            raise InputError(f"{name} is no table: its first line has no end; copy it again")
        return [title.strip() for title in next(csv.reader([line]), [])]


def _pieces(
    path: Path,
    name: str,
    dtypes: dict[int, type],
    n_rows: int,
    columns: list[int] | None = None,
    width: int | None = None,
) -> Iterator[pd.DataFrame]:
    """The rows below the header, n_rows at a time; columns are called by their position."""
    import pandas as pd

    with _readable(name), _opened(path, name) as file, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # of rows longer than the header
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        yield from pd.read_csv(
            file, header=None, skiprows=1, names=range(width or len(dtypes)), usecols=columns, dtype=dtypes,
            index_col=False, keep_default_na=False, na_values=[""], encoding="utf-8", chunksize=n_rows,
        )  # fmt: skip


@contextmanager
def _opened(path: Path, name: str) -> Iterator[BinaryIO]:
    """A text file as bytes, unpacked where its content is gzip."""
    kind = kind_of_bytes(first_bytes(path))
    if kind not in (GZIP, "text"):
        raise InputError(f"{name} is {kind}; expected a table of text separated by commas: copy it again")
    with gzip.open(path) if kind == GZIP else path.open("rb") as file:
        yield file


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """What goes wrong while a table is parsed, as an InputError of one line."""
    try:
        yield
    except UnicodeError as error:
        raise InputError(f"{name} is not UTF-8 text; save it as UTF-8") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{name} is truncated or damaged; copy it again") from error
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror}); is its disk reachable?") from error
    except (ValueError, OverflowError, Warning, csv.Error) as error:
        raise InputError(f"{name} is damaged: {brief(error)}; copy it again") from error


def _parquet_header(path: Path, name: str) -> list[str]:
    with _parquet(path, name) as file:
        check_count(name, file.metadata.num_rows)
        sizes = (file.metadata.row_group(n).total_byte_size for n in range(file.num_row_groups))
        check_declared(name, sum(sizes))
        return file.schema_arrow.names


def _read_parquet(path: Path, name: str, columns: list[str]) -> pd.DataFrame:
    with _parquet(path, name) as file:
        return file.read(columns=columns).to_pandas()[columns]


@contextmanager
def _parquet(path: Path, name: str) -> Iterator[Any]:
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield file
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise InputError(f"{name} cannot be read: truncated or damaged; copy it again") from error

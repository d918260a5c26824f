"""Reads CSV and .xls files as tables of text that know on which line of the file each row stands."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pandas as pd
import xlrd
from xlrd.compdoc import CompDocError

from credit_default.arrays import BoolArray

_XLS_MAGIC: Final = b"\xd0\xcf\x11\xe0"
# In small letters: what pandas, R, SQL and spreadsheets write where there is no number.
_MISSING: Final = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none"})
# UCI's workbook has short names in its first line and, among others, these in its second.
_SECOND_NAMES: Final = frozenset({"ID", "LIMIT_BAL"})
_PLACES_SHOWN: Final = 3

Lines = Iterator[tuple[int, list[str]]]


class DataError(Exception):
    """A file is not what it should be; the message says what is wrong and what to do."""


def read_table(path: Path) -> pd.DataFrame:
    """Reads any CSV or .xls file with one line of names.

    Cells stay the text that the file has, since `NA` or `007` may be somebody's id; the index is the line in the file.
    Blank lines are left out, and so are rows of empty cells below the last client.

    Raises:
        DataError: the file cannot be read or is no table.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}. Pass a CSV or .xls file.") from error
    return parse_table(content, path.name)


def parse_table(content: bytes, name: str) -> pd.DataFrame:
    """The same for the content of a file, `name` being what to call it in messages."""
    try:
        lines = [
            (number, cells)
            for number, cells in (_xls_lines(content) if content.startswith(_XLS_MAGIC) else _csv_lines(content))
            if cells
        ]
    except (ValueError, csv.Error, xlrd.XLRDError, CompDocError) as error:
        raise DataError(f"{name} is neither CSV in UTF-8 nor .xls: {error}.") from error
    while lines and not any(cell.strip() for cell in lines[-1][1]):
        lines.pop()
    if not lines:
        raise DataError(f"{name} is empty. Pass a CSV or .xls file with a line of names and a row for each client.")
    (_, header), *rows = lines[1:] if len(lines) > 1 and set(lines[1][1]) >= _SECOND_NAMES else lines
    names = [cell.strip() for cell in header]
    _check_separator(names, name)
    for number, cells in rows:
        if len(cells) != len(names):
            raise DataError(f"Line {number} of {name} has {len(cells)} cells, but there are {len(names)} names above.")
    return pd.DataFrame([cells for _, cells in rows], [number for number, _ in rows], names, dtype=object)


def select(
    table: pd.DataFrame, columns: Sequence[str], name: str, *, other_names: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Those columns of the table that was read from the file `name`.

    Args:
        table: has them under these names.
        columns: the names.
        name: of the file.
        other_names: what the file may call some of them as well.

    Raises:
        DataError: the table lacks columns, has them twice, or has no rows.
    """

    def called(names: list[str]) -> str:
        others = other_names or {}
        return ", ".join(f"{column} (or {others[column]})" if column in others else column for column in names)

    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DataError(f"{name} lacks the columns {called(missing)}. Pass a CSV or .xls file that has them.")
    twice = [column for column in columns if list(table.columns).count(column) > 1]
    if twice:
        raise DataError(f"{name} has more than one column {called(twice)}. Remove all but one.")
    if table.empty:
        raise DataError(f"{name} has no rows below its names.")
    return table[list(columns)]


def without_value(cells: pd.DataFrame) -> BoolArray:
    """Where [N, k] cells are empty or say in another way that there is no number."""
    missing: BoolArray = cells.apply(lambda column: column.str.strip().str.casefold().isin(_MISSING)).to_numpy(
        dtype=bool
    )
    return missing


def id_columns(table: pd.DataFrame, *, inputs: Sequence[str] = ()) -> list[str]:
    """The columns called `id`, in whatever letters, but for those that are inputs of the model."""
    return [column for column in table.columns if column.casefold() == "id" and column not in inputs]


def places(table: pd.DataFrame, rows: BoolArray) -> str:
    """For people: on which lines those rows [N] stand, and whose they are."""
    ids = id_columns(table)
    found = table[rows]
    shown = [
        f"line {number}" + (f" (id {row[ids[0]]})" if len(ids) == 1 and row[ids[0]].strip() else "")
        for number, row in found[:_PLACES_SHOWN].iterrows()
    ]
    return ", ".join(shown) + (f" and {len(found) - _PLACES_SHOWN} more" if len(found) > _PLACES_SHOWN else "")


def _csv_lines(content: bytes) -> Lines:
    # A UnicodeDecodeError is a ValueError. Spreadsheets write a byte order mark, which would be part of the first name.
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    for cells in reader:
        yield reader.line_num, cells


def _xls_lines(content: bytes) -> Lines:
    sheet = xlrd.open_workbook(file_contents=content).sheet_by_index(0)
    for row in range(sheet.nrows):
        yield row + 1, [_text(cell) for cell in sheet.row_values(row)]


def _text(cell: object) -> str:
    """A workbook has numbers as floats only: client 7 is not `7.0`."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _check_separator(names: Sequence[str], name: str) -> None:
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(names) == 1 and separator in names[0]:
            raise DataError(
                f"{name} has {word} between its cells. Save it with commas between them, and points in its numbers."
            )

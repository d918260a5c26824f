"""Reads tables that have the columns of the UCI data set, under either set of names that UCI gives them."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xlrd
from xlrd.compdoc import CompDocError

# Newest month first: September back to April 2005.
STATUS_COLUMNS: Final = ["PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6"]
BILL_COLUMNS: Final = [f"BILL_AMT{month}" for month in range(1, 7)]
PAYMENT_COLUMNS: Final = [f"PAY_AMT{month}" for month in range(1, 7)]
# What the model's inputs are computed from.
HISTORY_COLUMNS: Final = ["LIMIT_BAL", *STATUS_COLUMNS, *BILL_COLUMNS, *PAYMENT_COLUMNS]
# Never an input of the model; kept to measure its fairness.
PERSONAL_COLUMNS: Final = ["SEX", "EDUCATION", "MARRIAGE", "AGE"]
TARGET: Final = "default payment next month"
COLUMNS: Final = ["ID", "LIMIT_BAL", *PERSONAL_COLUMNS, *STATUS_COLUMNS, *BILL_COLUMNS, *PAYMENT_COLUMNS, TARGET]
# UCI publishes the same columns under a second set of names: X1 to X23 and Y.
SHORT_NAMES: Final = dict(zip(["ID", *(f"X{i}" for i in range(1, 24)), "Y"], COLUMNS, strict=True))

_XLS_MAGIC = b"\xd0\xcf\x11\xe0"


class DataError(Exception):
    """A file is not what it should be; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class _Rule:
    """What every cell of some columns must satisfy."""

    text: str
    columns: list[str]
    holds: Callable[[pd.DataFrame], pd.DataFrame]


_RULES: Final = (
    _Rule("one row for each ID", ["ID"], lambda cells: ~cells.apply(pd.Series.duplicated)),
    _Rule("LIMIT_BAL above 0", ["LIMIT_BAL"], lambda cells: cells > 0),
    _Rule("repayment statuses from -2 to 9", STATUS_COLUMNS, lambda cells: cells.isin(range(-2, 10))),
    _Rule("payments of 0 or more", PAYMENT_COLUMNS, lambda cells: cells >= 0),
    _Rule(f"{TARGET} of 0 or 1", [TARGET], lambda cells: cells.isin([0, 1])),
)


def read_table(path: Path) -> pd.DataFrame:
    """Reads any CSV or .xls file with one line of names; UCI's columns get their long names, cells stay text.

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
    cells = _read_cells(content, name)
    # UCI's .xls has the short names in its first line and the long ones in its second.
    header = 1 if len(cells) > 1 and "ID" in set(cells.iloc[1]) else 0
    table = cells.iloc[header + 1 :].set_axis([str(cell).strip() for cell in cells.iloc[header]], axis="columns")
    return table.rename(columns=SHORT_NAMES).reset_index(drop=True)


def select(table: pd.DataFrame, columns: Sequence[str], name: str) -> pd.DataFrame:
    """Those columns of the table that was read from the file `name`.

    Raises:
        DataError: the table lacks columns or has them twice.
    """
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DataError(f"{name} lacks the columns {_both_names(missing)}. Pass a CSV or .xls file that has them.")
    twice = [column for column in columns if list(table.columns).count(column) > 1]
    if twice:
        raise DataError(f"{name} has more than one column {_both_names(twice)}. Remove all but one.")
    return table[list(columns)]


def whole_numbers(table: pd.DataFrame, columns: Sequence[str], name: str) -> pd.DataFrame:
    """Those of UCI's columns as int64.

    Raises:
        DataError: the table lacks columns, has no rows or has values that the columns cannot have.
    """
    numbers = select(table, columns, name).apply(pd.to_numeric, errors="coerce")
    if numbers.empty:
        raise DataError(f"{name} has no rows below its names.")
    # NaN is not equal to itself, so this finds missing cells, text and fractions alike.
    broken = [column for column in columns if not (numbers[column] % 1 == 0).all()]
    if broken:
        raise DataError(f"{name} has cells that are empty or not whole numbers in {', '.join(broken)}.")
    clients: pd.DataFrame = numbers.astype(np.int64)

    rules = [rule for rule in _RULES if set(rule.columns) <= set(columns)]
    broken = [rule.text for rule in rules if not rule.holds(clients[rule.columns]).all(axis=None)]
    if broken:
        raise DataError(f"{name} is not the expected data: it should have {'; '.join(broken)}.")
    return clients


def _both_names(columns: list[str]) -> str:
    short = {long: short for short, long in SHORT_NAMES.items()}
    return ", ".join(f"{name} (or {short[name]})" if short.get(name, name) != name else name for name in columns)


def _read_cells(content: bytes, name: str) -> pd.DataFrame:
    try:
        if content.startswith(_XLS_MAGIC):
            sheet = xlrd.open_workbook(file_contents=content).sheet_by_index(0)
            return pd.DataFrame(sheet.row_values(row) for row in range(sheet.nrows)).replace("", np.nan)
        return pd.read_csv(io.BytesIO(content), header=None, dtype=str)
    except (ValueError, xlrd.XLRDError, CompDocError) as error:  # pandas' own errors are ValueErrors
        raise DataError(f"{name} is neither CSV nor .xls: {error}.") from error

"""The columns of the UCI data set, under either set of names that UCI gives them, and what their cells must be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from credit_default.table import DataError, places, select

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
_SHORT_OF: Final = {long: short for short, long in SHORT_NAMES.items() if short != long}


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


def with_long_names(table: pd.DataFrame) -> pd.DataFrame:
    """The table with UCI's columns under their long names, whichever they have."""
    return table.rename(columns=SHORT_NAMES)


def whole_numbers(table: pd.DataFrame, columns: Sequence[str], name: str) -> pd.DataFrame:
    """Those of UCI's columns, under their long names, as int64; the table was read from the file `name`.

    Raises:
        DataError: the table lacks columns, has no rows or has values that the columns cannot have.
    """
    renamed = with_long_names(table)
    numbers = select(renamed, columns, name, other_names=_SHORT_OF).apply(pd.to_numeric, errors="coerce")
    # NaN is not equal to itself, so this finds missing cells, text and fractions alike.
    wrong = ~(numbers % 1 == 0)
    if wrong.any(axis=None):
        raise DataError(
            f"{name} has cells that are empty or not whole numbers in {', '.join(numbers.columns[wrong.any()])}: "
            f"{places(renamed, wrong.any(axis=1).to_numpy())}."
        )
    clients: pd.DataFrame = numbers.astype(np.int64)

    rules = [rule for rule in _RULES if set(rule.columns) <= set(columns)]
    held = [(rule.text, rule.holds(clients[rule.columns]).all(axis=1).to_numpy()) for rule in rules]
    broken = [f"{text} (not so: {places(renamed, ~holds)})" for text, holds in held if not holds.all()]
    if broken:
        raise DataError(f"{name} is not the expected data: it should have {'; '.join(broken)}.")
    return clients.reset_index(drop=True)

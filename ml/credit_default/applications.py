"""Reads the clients to score, from whichever of two kinds of table they come in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from credit_default import features
from credit_default.arrays import BoolArray, Float32Array
from credit_default.features import FEATURES, NAMES
from credit_default.uci_table import HISTORY_COLUMNS, DataError, read_table, select, whole_numbers

_ID_NAMES: Final = ("ID", "id")


@dataclass(frozen=True)
class Applications:
    """Clients to score.

    Attributes:
        inputs: the model's inputs [N, 10], NaN where missing.
        ids: the clients' ids [N] as the file writes them; None when it has none.
        form: the kind of columns that the inputs came from, for people.
    """

    inputs: Float32Array
    ids: list[str] | None
    form: str

    def __len__(self) -> int:
        return len(self.inputs)


def read(path: Path) -> Applications:
    """Reads a CSV file that has UCI's columns or the model's ten inputs, in any order; others are ignored.

    Raises:
        DataError: the file cannot be read, lacks columns, or has values that its columns cannot have.
    """
    table = read_table(path)
    raw, derived = _present(table, HISTORY_COLUMNS), _present(table, NAMES)
    if raw == derived == 0:
        raise DataError(
            f"{path.name} has neither the model's inputs ({', '.join(NAMES)}) nor UCI's columns "
            f"({', '.join(HISTORY_COLUMNS)}, or X1 and X6 to X23)."
        )
    # The kind of which more is there, so that what is said to be missing is missing from what was meant.
    if raw > derived:
        inputs, form = features.compute(whole_numbers(table, HISTORY_COLUMNS, path.name)), "UCI's columns"
    else:
        inputs, form = _inputs(table, path.name), "the model's inputs"
    return Applications(inputs, _ids(table, path.name), form)


def _present(table: pd.DataFrame, columns: Sequence[str]) -> float:
    return sum(column in table.columns for column in columns) / len(columns)


def _inputs(table: pd.DataFrame, name: str) -> Float32Array:
    cells = select(table, NAMES, name)
    if cells.empty:
        raise DataError(f"{name} has no rows below its names.")
    # A number beyond float32 becomes infinite, and is refused below as such.
    with np.errstate(over="ignore"):
        inputs: Float32Array = cells.apply(pd.to_numeric, errors="coerce").to_numpy().astype(np.float32)
    missing: BoolArray = cells.isna().to_numpy()
    broken = [column for i, column in enumerate(NAMES) if not (np.isfinite(inputs[:, i]) | missing[:, i]).all()]
    if broken:
        raise DataError(f"{name} has cells that are not finite numbers in {', '.join(broken)}.")
    empty = [feature.name for i, feature in enumerate(FEATURES) if missing[:, i].any() and not feature.nullable]
    if empty:
        nullable = ", ".join(feature.name for feature in FEATURES if feature.nullable)
        raise DataError(f"{name} has empty cells in {', '.join(empty)}. Only {nullable} may be missing.")
    return inputs


def _ids(table: pd.DataFrame, name: str) -> list[str] | None:
    found = [column for column in table.columns if column in _ID_NAMES]
    if not found:
        return None
    ids = select(table, [found[0]], name)[found[0]]
    if ids.isna().any():
        raise DataError(f"{name} has empty cells in {found[0]}. Give every row an id, or remove the column.")
    return [str(cell) for cell in ids]

"""Reads the clients to score, from whichever of two kinds of table they come in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from credit_default import features
from credit_default.arrays import BoolArray, Float32Array
from credit_default.features import FEATURES, NAMES
from credit_default.table import DataError, id_columns, places, read_table, select, without_value
from credit_default.uci_table import HISTORY_COLUMNS, whole_numbers, with_long_names

Notice = Callable[[str], None]


@dataclass(frozen=True)
class Inputs:
    """What a model takes.

    Attributes:
        names: of its d inputs, in its order.
        nullable: those that may be missing.
    """

    names: tuple[str, ...]
    nullable: frozenset[str]


# Of the model that ml/train.py makes.
TRAINED: Final = Inputs(NAMES, frozenset(feature.name for feature in FEATURES if feature.nullable))


@dataclass(frozen=True)
class Applications:
    """Clients to score.

    Attributes:
        names: of the model's inputs [d].
        inputs: the model's inputs [N, d], NaN where missing.
        lines: the line of the file on which each client stands [N].
        ids: the clients' ids [N] as the file writes them; None when it has none.
    """

    names: tuple[str, ...]
    inputs: Float32Array
    lines: list[int]
    ids: list[str] | None

    def __len__(self) -> int:
        return len(self.inputs)


def read(path: Path, model: Inputs = TRAINED, *, notice: Notice = print) -> Applications:
    """Reads a CSV or .xls file that has the model's inputs by name, in any order.

    For a model of the inputs that `features` computes, UCI's columns do as well. Other columns are ignored; which,
    what was read, and what may be wrong with the ids is told to `notice`.

    Raises:
        DataError: the file cannot be read, lacks columns, or has values that its columns cannot have.
    """
    table = read_table(path)
    ids = _ids(table, model, path.name, notice)
    if _is_of_uci(table, model, path.name):
        table = with_long_names(table)
        names, used, form = NAMES, tuple(HISTORY_COLUMNS), "UCI's columns"
        inputs = features.compute(whole_numbers(table, HISTORY_COLUMNS, path.name))
    else:
        names, used, form = model.names, model.names, "the model's inputs"
        inputs = _inputs(table, model, path.name)
    ignored = [str(column) or "one without a name" for column in table if column not in {*used, *id_columns(table)}]
    if ignored:
        notice(f"{path.name}: columns that are not used: {', '.join(ignored)}")
    notice(f"{path.name}: {len(inputs)} rows of {form}")
    return Applications(names, inputs, table.index.to_list(), ids)


def _is_of_uci(table: pd.DataFrame, model: Inputs, name: str) -> bool:
    of_model = _present(table, model.names)
    if set(model.names) != set(NAMES):
        if of_model == 0:
            raise DataError(f"{name} has none of the model's inputs ({', '.join(model.names)}).")
        return False
    of_uci = _present(with_long_names(table), HISTORY_COLUMNS)
    if of_uci == of_model == 0:
        raise DataError(
            f"{name} has neither the model's inputs ({', '.join(NAMES)}) nor UCI's columns "
            f"({', '.join(HISTORY_COLUMNS)}, or X1 and X6 to X23)."
        )
    # The kind of which more is there, so that what is said to be missing is missing from what was meant.
    return of_uci > of_model


def _present(table: pd.DataFrame, columns: Sequence[str]) -> float:
    return sum(column in table.columns for column in columns) / len(columns)


def _inputs(table: pd.DataFrame, model: Inputs, name: str) -> Float32Array:
    cells = select(table, model.names, name)
    missing = without_value(cells)
    # A number beyond float32 becomes infinite, and is refused below as such.
    with np.errstate(over="ignore"):
        inputs: Float32Array = cells.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64).astype(np.float32)
    broken: BoolArray = ~(np.isfinite(inputs) | missing)
    if broken.any():
        columns = ", ".join(np.array(model.names)[broken.any(axis=0)])
        raise DataError(
            f"{name} has cells that are not finite numbers in {columns}: {places(table, np.any(broken, axis=1))}."
        )
    inputs[missing] = np.nan
    empty: BoolArray = missing & [column not in model.nullable for column in model.names]
    if empty.any():
        columns = ", ".join(np.array(model.names)[empty.any(axis=0)])
        nullable = ", ".join(column for column in model.names if column in model.nullable)
        raise DataError(
            f"{name} has empty cells in {columns}: {places(table, np.any(empty, axis=1))}. "
            + (f"Only {nullable} may be missing." if nullable else "The model takes no missing values.")
        )
    return inputs


def _ids(table: pd.DataFrame, model: Inputs, name: str, notice: Notice) -> list[str] | None:
    found = id_columns(table, inputs=model.names)
    if not found:
        notice(f"{name} has no column called id: neither have the answers.")
        return None
    if len(found) > 1:
        raise DataError(f"{name} has more than one column of ids: {', '.join(found)}. Remove all but one.")
    ids: pd.Series[str] = table[found[0]]
    empty = (ids.str.strip() == "").to_numpy(dtype=bool)
    if empty.any():
        raise DataError(
            f"{name} has empty cells in {found[0]}: {places(table, empty)}. Give every row an id, or remove the column."
        )
    twice = ids.duplicated(keep=False).to_numpy(dtype=bool)
    if twice.any():
        notice(f"{name} has ids that stand there more than once: {places(table, twice)}")
    return ids.to_list()

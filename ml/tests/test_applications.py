from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from credit_default import applications, features
from credit_default.features import NAMES
from credit_default.uci_table import HISTORY_COLUMNS, PERSONAL_COLUMNS, SHORT_NAMES, TARGET, DataError
from tests.factories import make_clients, make_dataset, write_csv

LONG_TO_SHORT = {long: short for short, long in SHORT_NAMES.items()}


def derived(rows: int = 3, **columns: float | str | list[str]) -> pd.DataFrame:
    return pd.DataFrame(0.5, index=range(rows), columns=list(NAMES)).assign(**columns)


def read(clients: pd.DataFrame, tmp_path: Path) -> applications.Applications:
    return applications.read(write_csv(clients, tmp_path / "clients.csv"))


@pytest.mark.parametrize("names", [{}, LONG_TO_SHORT], ids=["long", "short"])
def test_computes_the_inputs_from_ucis_columns_in_any_order(tmp_path: Path, names: dict[str, str]) -> None:
    clients = make_dataset(20).clients
    shuffled = clients.drop(columns=[TARGET, *PERSONAL_COLUMNS]).sample(frac=1, axis="columns", random_state=1)

    read_back = read(shuffled.rename(columns=names), tmp_path)

    assert read_back.form == "UCI's columns"
    assert read_back.ids == [str(client) for client in clients["ID"]]
    np.testing.assert_array_equal(read_back.inputs, features.compute(clients))


def test_takes_the_models_inputs_in_any_order(tmp_path: Path) -> None:
    inputs = features.compute(make_dataset(40).clients)
    inputs[0, NAMES.index("share_paid")] = np.nan
    table = pd.DataFrame(inputs.astype(np.float64), columns=list(NAMES)).iloc[:, ::-1]

    read_back = read(table, tmp_path)

    assert read_back.form == "the model's inputs"
    assert read_back.ids is None
    np.testing.assert_array_equal(read_back.inputs, inputs)


def test_keeps_ids_as_they_are_written(tmp_path: Path) -> None:
    assert read(derived(2, id=["007", "b-1"]), tmp_path).ids == ["007", "b-1"]


@pytest.mark.parametrize(
    ("clients", "message"),
    [
        (make_clients(2)[["ID", *HISTORY_COLUMNS[1:]]], r"lacks the columns LIMIT_BAL \(or X1\)"),
        (derived().drop(columns=["utilisation", "share_paid"]), "lacks the columns utilisation, share_paid"),
        (pd.DataFrame({"colour": ["red"]}), r"neither the model's inputs \(credit_limit, .*\) nor UCI's columns"),
        (derived(utilisation="high"), "not finite numbers in utilisation"),
        (derived(utilisation="inf"), "not finite numbers in utilisation"),
        (derived(mean_payment=1e39), "not finite numbers in mean_payment"),
        (derived(credit_limit=np.nan), r"empty cells in credit_limit\. Only share_paid may be missing"),
        (derived(id=["1", "", "3"]), "empty cells in id"),
        (derived(0), "no rows"),
        (make_clients(2, BILL_AMT1=""), "empty or not whole numbers in BILL_AMT1"),
    ],
)
def test_refuses_bad_columns_by_name(tmp_path: Path, clients: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(clients, tmp_path)

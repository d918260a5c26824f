from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xlwt

from credit_default import applications, features
from credit_default.features import NAMES
from credit_default.table import DataError
from credit_default.uci_table import HISTORY_COLUMNS, PERSONAL_COLUMNS, SHORT_NAMES, TARGET
from tests.factories import make_clients, make_dataset, write_csv

LONG_TO_SHORT = {long: short for short, long in SHORT_NAMES.items()}
OWN = applications.Inputs(("income", "debt"), frozenset({"debt"}))


def derived(rows: int = 3, **columns: float | str | list[str]) -> pd.DataFrame:
    return pd.DataFrame(0.5, index=range(rows), columns=list(NAMES)).assign(**columns)


def read(clients: pd.DataFrame, tmp_path: Path, said: list[str] | None = None) -> applications.Applications:
    path = write_csv(clients, tmp_path / "clients.csv")
    return applications.read(path, notice=print if said is None else said.append)


def read_text(text: str, tmp_path: Path, said: list[str] | None = None) -> applications.Applications:
    path = tmp_path / "clients.csv"
    path.write_text(text, encoding="utf-8")
    return applications.read(path, OWN, notice=print if said is None else said.append)


@pytest.mark.parametrize("names", [{}, LONG_TO_SHORT], ids=["long", "short"])
def test_computes_the_inputs_from_ucis_columns_in_any_order(tmp_path: Path, names: dict[str, str]) -> None:
    clients = make_dataset(20).clients
    shuffled = clients.drop(columns=[TARGET, *PERSONAL_COLUMNS]).sample(frac=1, axis="columns", random_state=1)

    said: list[str] = []
    read_back = read(shuffled.rename(columns=names), tmp_path, said)

    assert "clients.csv: 20 rows of UCI's columns" in said
    assert read_back.ids == [str(client) for client in clients["ID"]]
    np.testing.assert_array_equal(read_back.inputs, features.compute(clients))


def test_takes_the_models_inputs_in_any_order(tmp_path: Path) -> None:
    inputs = features.compute(make_dataset(40).clients)
    inputs[0, NAMES.index("share_paid")] = np.nan
    table = pd.DataFrame(inputs.astype(np.float64), columns=list(NAMES)).iloc[:, ::-1]

    said: list[str] = []
    read_back = read(table, tmp_path, said)

    assert said == [
        "clients.csv has no column called id: neither have the answers.",
        "clients.csv: 40 rows of the model's inputs",
    ]
    assert read_back.ids is None
    np.testing.assert_array_equal(read_back.inputs, inputs)


@pytest.mark.parametrize("name", ["id", "ID", "Id", " iD "])
@pytest.mark.parametrize("ids", [["007", "b-1"], ["NA", "null"], ["None", "nan"], ["1.0", "1e3"]])
def test_keeps_ids_as_they_are_written(tmp_path: Path, name: str, ids: list[str]) -> None:
    assert read(derived(2, **{name: ids}), tmp_path).ids == ids


def test_keeps_the_ids_of_a_workbook_whole(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Clients")
    for row, cells in enumerate([("Id", "income", "debt"), (7, 1.5, ""), ("007", 2, 3)]):
        for column, cell in enumerate(cells):
            sheet.write(row, column, cell)
    book.save(str(tmp_path / "clients.xls"))

    clients = applications.read(tmp_path / "clients.xls", OWN)
    assert (clients.ids, clients.lines) == (["7", "007"], [2, 3])
    np.testing.assert_array_equal(clients.inputs, np.array([[1.5, np.nan], [2, 3]], dtype=np.float32))


@pytest.mark.parametrize("missing", ["", " ", "NA", "NaN", "null", "#N/A"])
def test_knows_a_missing_number_however_it_is_written(tmp_path: Path, missing: str) -> None:
    assert np.isnan(read_text(f"debt,income\n{missing},1\n", tmp_path).inputs[0, 1])


@pytest.mark.parametrize("end", ["\n\n", "\n,,\n", "\r\n\r\n", '\n"","",""\n , ,\n', "\n\n,,\n\n"])
def test_leaves_blank_rows_at_the_end_out(tmp_path: Path, end: str) -> None:
    clients = read_text(f"id,income,debt\na,1,2\nb,3,{end}", tmp_path)

    assert (clients.ids, clients.lines) == (["a", "b"], [2, 3])


def test_reads_past_a_byte_order_mark(tmp_path: Path) -> None:
    assert read_text("\ufeffid,income,debt\na,1,2\n", tmp_path).ids == ["a"]


def test_says_which_columns_it_does_not_use_and_which_ids_are_there_twice(tmp_path: Path) -> None:
    said: list[str] = []
    read_text("id,client_id,income,debt,\na,1,1,2,\nb,2,1,2,\na,3,1,2,\n", tmp_path, said)

    assert said == [
        "clients.csv has ids that stand there more than once: line 2 (id a), line 4 (id a)",
        "clients.csv: columns that are not used: client_id, one without a name",
        "clients.csv: 3 rows of the model's inputs",
    ]


def test_takes_an_input_called_id_for_an_input(tmp_path: Path) -> None:
    path = write_csv(pd.DataFrame({"ID": [1.5], "id": ["a"]}), tmp_path / "clients.csv")
    clients = applications.read(path, applications.Inputs(("ID",), frozenset()))

    assert (clients.ids, clients.inputs.tolist()) == (["a"], [[1.5]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id;income;debt\na;1;2\n", "semicolons between its cells. Save it with commas"),
        ("id\tincome\tdebt\na\t1\t2\n", "tabs between its cells"),
        ("id,ID,income,debt\na,1,1,2\n", "more than one column of ids: id, ID. Remove all but one"),
        ("id,income,debt\n\na,1,2\nb,x,3\n", r"not finite numbers in income: line 4 \(id b\)\."),
        ("income,debt\n1,2\n,x\n3,y\nz,1\nz,1\n", "in income, debt: line 3, line 4, line 5 and 1 more"),
        ("id,income,debt\na,1,2\nb,,3\n", r"empty cells in income: line 3 \(id b\)\. Only debt may be missing"),
        ("id,income,debt\na,1,2\n,,\nb,1,2\n", r"empty cells in id: line 3"),
        ("id,income,debt\na,1,2\nb,1\n", "Line 3 of clients.csv has 2 cells, but there are 3 names above"),
        ("id,income,debt\na,1,2,3\n", "Line 2 of clients.csv has 4 cells"),
        ('id,income,debt\na,1,"2\n', "neither CSV in UTF-8 nor .xls"),
        ("colour\nred\n", r"has none of the model's inputs \(income, debt\)"),
        ("id,income\na,1\n", "lacks the columns debt"),
        ("\n\n", "is empty"),
    ],
)
def test_says_where_a_file_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_text(text, tmp_path)


@pytest.mark.parametrize(
    ("clients", "message"),
    [
        (make_clients(2)[["ID", *HISTORY_COLUMNS[1:]]], r"lacks the columns LIMIT_BAL \(or X1\)"),
        (derived().drop(columns=["utilisation", "share_paid"]), "lacks the columns utilisation, share_paid"),
        (pd.DataFrame({"colour": ["red"]}), r"neither the model's inputs \(credit_limit, .*\) nor UCI's columns"),
        (derived(utilisation="high"), "not finite numbers in utilisation"),
        (derived(utilisation="inf"), "not finite numbers in utilisation"),
        (derived(mean_payment=1e39), "not finite numbers in mean_payment"),
        (
            derived(credit_limit=np.nan),
            r"empty cells in credit_limit: line 2, line 3, line 4\. Only share_paid may be missing",
        ),
        (derived(id=["1", "", "3"]), r"empty cells in id: line 3\."),
        (derived(0), "no rows"),
        (make_clients(2, BILL_AMT1=""), r"empty or not whole numbers in BILL_AMT1: line 2 \(id 1\), line 3 \(id 2\)\."),
    ],
)
def test_refuses_bad_columns_by_name(tmp_path: Path, clients: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(clients, tmp_path)

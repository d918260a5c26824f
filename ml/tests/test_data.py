import io
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xlwt

from credit_default import data
from credit_default.table import DataError
from credit_default.uci_table import COLUMNS, PERSONAL_COLUMNS, SHORT_NAMES, TARGET
from tests.factories import make_clients, make_dataset, write_csv

LONG_TO_SHORT = {long: short for short, long in SHORT_NAMES.items()}


def uci_xls(clients: pd.DataFrame) -> bytes:
    """A workbook as UCI publishes it: short names in the first line, long ones in the second."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("Data")
    for column, name in enumerate(COLUMNS):
        sheet.write(0, column, "" if name == "ID" else LONG_TO_SHORT[name])
        sheet.write(1, column, name)
        for row, value in enumerate(clients[name], start=2):
            sheet.write(row, column, int(value))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def uci_archive(clients: pd.DataFrame) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("default of credit card clients.xls", uci_xls(clients))
    return content.getvalue()


def serve(monkeypatch: pytest.MonkeyPatch, archive: bytes) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(archive))


def test_reads_the_same_clients_under_either_set_of_names_and_from_xls(tmp_path: Path) -> None:
    clients = make_dataset(30).clients
    long = data.load(write_csv(clients, tmp_path / "long.csv"))
    short = data.load(write_csv(clients.rename(columns=LONG_TO_SHORT), tmp_path / "short.csv"))
    (tmp_path / "uci.xls").write_bytes(uci_xls(clients))
    xls = data.load(tmp_path / "uci.xls")

    pd.testing.assert_frame_equal(long.clients, clients)
    assert long.sha256 == short.sha256 == xls.sha256


def test_reads_whole_numbers_however_they_are_written(tmp_path: Path) -> None:
    clients = make_clients(2, LIMIT_BAL=100_000)
    plain = write_csv(clients, tmp_path / "plain.csv")
    scientific = tmp_path / "scientific.csv"
    scientific.write_text(plain.read_text().replace("100000", "1e+05"))

    assert data.load(scientific).sha256 == data.load(plain).sha256


def test_keeps_the_personal_columns_for_fairness() -> None:
    assert set(PERSONAL_COLUMNS) < set(make_dataset(5).clients.columns)


def test_names_every_missing_column_under_both_names(tmp_path: Path) -> None:
    path = write_csv(make_clients(3).drop(columns=["PAY_0", TARGET]), tmp_path / "clients.csv")

    with pytest.raises(DataError, match=r"clients\.csv lacks the columns PAY_0 \(or X6\), default .* \(or Y\)\."):
        data.load(path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("LIMIT_BAL", 0, "LIMIT_BAL above 0"),
        ("PAY_3", 10, "repayment statuses from -2 to 9"),
        ("PAY_AMT2", -1, "payments of 0 or more"),
        (TARGET, 2, "default payment next month of 0 or 1"),
        ("ID", 7, "one row for each ID"),
        ("BILL_AMT1", "12.5", "not whole numbers in BILL_AMT1"),
        ("BILL_AMT1", "", "empty or not whole numbers in BILL_AMT1"),
        ("AGE", "forty", "not whole numbers in AGE"),
    ],
)
def test_refuses_values_that_a_column_cannot_have(tmp_path: Path, column: str, value: int | str, message: str) -> None:
    path = write_csv(make_clients(3, **{column: value}), tmp_path / "clients.csv")

    with pytest.raises(DataError, match=message):
        data.load(path)


def test_refuses_a_column_that_is_there_under_both_its_names(tmp_path: Path) -> None:
    path = write_csv(make_clients(3).assign(X1=5), tmp_path / "clients.csv")

    with pytest.raises(DataError, match=r"more than one column LIMIT_BAL \(or X1\)"):
        data.load(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x81", b"\xd0\xcf\x11\xe0 not really a workbook"])
def test_refuses_a_file_that_is_no_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clients.xls"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"clients\.xls"):
        data.load(path)


def test_says_that_a_file_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Cannot read .*absent\.csv: No such file"):
        data.load(tmp_path / "absent.csv")


def test_does_not_pass_other_data_off_as_the_published_set(tmp_path: Path) -> None:
    source = data.load(write_csv(make_clients(3), tmp_path / "own.csv")).source

    assert (source.name, source.doi, source.licence) == ("own.csv", None, None)


def test_downloads_once_and_then_reads_its_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make_dataset(30)
    monkeypatch.setattr(data, "PUBLISHED_SHA256", dataset.sha256)
    serve(monkeypatch, uci_archive(dataset.clients))
    first = data.download(tmp_path / "cache")
    serve(monkeypatch, b"gone")
    second = data.download(tmp_path / "cache")

    assert first.sha256 == second.sha256 == dataset.sha256
    assert second.source.doi == "10.24432/C55S3H"


def test_refuses_a_download_that_is_not_the_published_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, uci_archive(make_clients(3)))

    with pytest.raises(DataError, match="is not the published data set: 3 rows"):
        data.download(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_cached_copy_that_was_changed(tmp_path: Path) -> None:
    write_csv(make_clients(3), tmp_path / "default_of_credit_card_clients.csv")

    with pytest.raises(DataError, match=r"default_of_credit_card_clients\.csv is not the published.*delete it"):
        data.download(tmp_path)


def test_points_to_a_local_copy_when_uci_is_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(url: str, timeout: float) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)

    with pytest.raises(DataError, match=r"no route to host.*--data FILE"):
        data.download(tmp_path)


def test_holds_out_one_client_in_five() -> None:
    dataset = make_dataset(10_000)

    assert 0.19 < len(dataset.held_out()) / len(dataset) < 0.21
    assert len(dataset.held_out()) + len(dataset.development()) == len(dataset)


def test_holds_out_the_same_clients_in_any_order_and_company() -> None:
    clients = make_clients(40)
    shuffled = clients.sample(frac=1, random_state=3).iloc[:25]
    held_out = set(data.Dataset(clients, data.PUBLISHED).held_out().clients["ID"])
    of_shuffled = set(data.Dataset(shuffled, data.PUBLISHED).held_out().clients["ID"])

    assert held_out == {2, 9, 26, 27, 30, 34, 37, 40}
    assert of_shuffled == held_out & set(shuffled["ID"])
    assert not held_out & set(np.asarray(data.Dataset(clients, data.PUBLISHED).development().clients["ID"]))

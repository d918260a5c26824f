"""Loads the UCI data set "Default of Credit Card Clients" and splits off its fixed hold-out."""

import hashlib
import io
import logging
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xlrd
from xlrd.compdoc import CompDocError

from credit_default.arrays import BoolArray, IntArray

ARCHIVE_URL: Final = "https://archive.ics.uci.edu/static/public/350/default+of+credit+card+clients.zip"
# Of the canonical form that `Dataset.sha256` describes, since copies differ in format and in how they write 100000.
PUBLISHED_SHA256: Final = "4edce6da569b2c30788a85fd98a9bafb1a983e8ca1a7aac875dd7ff853cbd0bb"

# Newest month first: September back to April 2005.
STATUS_COLUMNS: Final = ["PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6"]
BILL_COLUMNS: Final = [f"BILL_AMT{month}" for month in range(1, 7)]
PAYMENT_COLUMNS: Final = [f"PAY_AMT{month}" for month in range(1, 7)]
# Never an input of the model; kept to measure its fairness.
PERSONAL_COLUMNS: Final = ["SEX", "EDUCATION", "MARRIAGE", "AGE"]
TARGET: Final = "default payment next month"
COLUMNS: Final = ["ID", "LIMIT_BAL", *PERSONAL_COLUMNS, *STATUS_COLUMNS, *BILL_COLUMNS, *PAYMENT_COLUMNS, TARGET]
# UCI publishes the same columns under a second set of names: X1 to X23 and Y.
SHORT_NAMES: Final = dict(zip(["ID", *(f"X{i}" for i in range(1, 24)), "Y"], COLUMNS, strict=True))

HOLDOUT_SALT: Final = "credit-default-holdout-1"
HOLDOUT_RULE: Final = f"first 8 bytes of SHA-256('{HOLDOUT_SALT}:' + ID) as a big-endian integer are divisible by 5"

_XLS_MAGIC = b"\xd0\xcf\x11\xe0"
_TIMEOUT_SECONDS = 60

_log = logging.getLogger(__name__)


class DataError(Exception):
    """The data is not what the model is trained on; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Source:
    """Where rows come from; `doi` and `licence` are None for anything but the published data set."""

    name: str
    doi: str | None = None
    licence: str | None = None


PUBLISHED: Final = Source("UCI Default of Credit Card Clients", "10.24432/C55S3H", "CC BY 4.0")


@dataclass(frozen=True)
class Dataset:
    """Clients, one a row, as int64 under the names in `COLUMNS`; amounts are in NT dollars."""

    clients: pd.DataFrame
    source: Source

    def __len__(self) -> int:
        return len(self.clients)

    @property
    def defaulted(self) -> IntArray:
        """1 for a client who defaulted the next month, else 0; shape [N]."""
        return self.clients[TARGET].to_numpy(dtype=np.int64)

    @property
    def sha256(self) -> str:
        """Hex digest of the rows as CSV under the long names, in integers, with LF line ends."""
        return _digest(self.clients)

    def held_out(self) -> "Dataset":
        """The rows that no shipped model is trained or tuned on."""
        return Dataset(self.clients[_is_held_out(self.clients)], self.source)

    def development(self) -> "Dataset":
        """The rows to train and tune on: all but the hold-out."""
        return Dataset(self.clients[~_is_held_out(self.clients)], self.source)


def load(path: Path) -> Dataset:
    """Reads a CSV or .xls file that has UCI's columns under either set of names.

    Raises:
        DataError: the file cannot be read, lacks columns or holds values that the columns cannot have.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}. Pass the data set as CSV or .xls.") from error
    clients = _parse(content, path.name)
    if _digest(clients) == PUBLISHED_SHA256:
        return Dataset(clients, PUBLISHED)
    _log.warning("%s is not the published UCI data set: the model will name this file as its source.", path.name)
    return Dataset(clients, Source(path.name))


def download(cache: Path) -> Dataset:
    """Returns the published data set from the folder `cache`, fetching it from UCI the first time.

    Raises:
        DataError: UCI cannot be reached, or what is cached or was sent is not the published data.
    """
    file = cache / "default_of_credit_card_clients.csv"
    cached = file.exists()
    clients = _parse(file.read_bytes() if cached else _fetch(), file.name)
    if _digest(clients) != PUBLISHED_SHA256:
        origin, remedy = (str(file), "delete it") if cached else (ARCHIVE_URL, "pass a copy with --data FILE")
        raise DataError(
            f"{origin} is not the published data set: {len(clients)} rows with SHA-256 {_digest(clients)}, "
            f"expected 30000 rows with {PUBLISHED_SHA256}. To go on, {remedy}."
        )
    if not cached:
        cache.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_canonical_csv(clients))
    return Dataset(clients, PUBLISHED)


def _fetch() -> bytes:
    _log.info("Downloading %s", ARCHIVE_URL)
    try:
        with urllib.request.urlopen(ARCHIVE_URL, timeout=_TIMEOUT_SECONDS) as response:
            archive = zipfile.ZipFile(io.BytesIO(response.read()))
        [member] = [name for name in archive.namelist() if name.endswith(".xls")]
        return archive.read(member)
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise DataError(f"Cannot get the data from {ARCHIVE_URL}: {error}. Pass a copy with --data FILE.") from error


def _parse(content: bytes, name: str) -> pd.DataFrame:
    cells = _read_cells(content, name)
    # UCI's .xls has the short names in its first line and the long ones in its second.
    header = 1 if len(cells) > 1 and "ID" in set(cells.iloc[1]) else 0
    table = cells.iloc[header + 1 :].set_axis([str(cell).strip() for cell in cells.iloc[header]], axis="columns")
    table = table.rename(columns=SHORT_NAMES)

    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        short = {long: short for short, long in SHORT_NAMES.items()}
        named = ", ".join(f"{column} (or {short[column]})" if short[column] != column else column for column in missing)
        raise DataError(f"{name} lacks the columns {named}. Expected the UCI data set as CSV or .xls.")
    return _to_integers(table[COLUMNS], name)


def _read_cells(content: bytes, name: str) -> pd.DataFrame:
    try:
        if content.startswith(_XLS_MAGIC):
            sheet = xlrd.open_workbook(file_contents=content).sheet_by_index(0)
            return pd.DataFrame(sheet.row_values(row) for row in range(sheet.nrows))
        return pd.read_csv(io.BytesIO(content), header=None, dtype=str)
    except (ValueError, xlrd.XLRDError, CompDocError) as error:  # pandas' own errors are ValueErrors
        raise DataError(f"{name} is neither CSV nor .xls: {error}.") from error


def _to_integers(table: pd.DataFrame, name: str) -> pd.DataFrame:
    numbers = table.apply(pd.to_numeric, errors="coerce")
    # NaN is not equal to itself, so this finds missing cells, text and fractions alike.
    broken = [column for column in COLUMNS if not (numbers[column] % 1 == 0).all()]
    if broken:
        raise DataError(f"{name} has cells that are empty or not whole numbers in {', '.join(broken)}.")
    clients: pd.DataFrame = numbers.astype(np.int64).reset_index(drop=True)

    rules = {
        "at least one row": len(clients) > 0,
        "one row for each ID": clients["ID"].is_unique,
        "LIMIT_BAL above 0": (clients["LIMIT_BAL"] > 0).all(),
        "repayment statuses from -2 to 9": clients[STATUS_COLUMNS].isin(range(-2, 10)).all(axis=None),
        "payments of 0 or more": (clients[PAYMENT_COLUMNS] >= 0).all(axis=None),
        f"{TARGET} of 0 or 1": clients[TARGET].isin([0, 1]).all(),
    }
    broken = [rule for rule, holds in rules.items() if not holds]
    if broken:
        raise DataError(f"{name} is not the expected data: it should have {'; '.join(broken)}.")
    return clients


def _canonical_csv(clients: pd.DataFrame) -> bytes:
    return clients.to_csv(index=False, lineterminator="\n").encode()


def _digest(clients: pd.DataFrame) -> str:
    return hashlib.sha256(_canonical_csv(clients)).hexdigest()


def _is_held_out(clients: pd.DataFrame) -> BoolArray:
    def first_eight_bytes(client: int) -> int:
        return int.from_bytes(hashlib.sha256(f"{HOLDOUT_SALT}:{client}".encode()).digest()[:8], "big")

    return np.array([first_eight_bytes(client) % 5 == 0 for client in clients["ID"]], dtype=np.bool_)

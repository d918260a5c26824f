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

from credit_default.arrays import BoolArray, IntArray
from credit_default.commands import option
from credit_default.table import DataError, parse_table, read_table
from credit_default.uci_table import COLUMNS, TARGET, whole_numbers

ARCHIVE_URL: Final = "https://archive.ics.uci.edu/static/public/350/default+of+credit+card+clients.zip"
# Of the canonical form that `Dataset.sha256` describes, since copies differ in format and in how they write 100000.
PUBLISHED_SHA256: Final = "4edce6da569b2c30788a85fd98a9bafb1a983e8ca1a7aac875dd7ff853cbd0bb"

HOLDOUT_SALT: Final = "credit-default-holdout-1"
HOLDOUT_RULE: Final = f"first 8 bytes of SHA-256('{HOLDOUT_SALT}:' + ID) as a big-endian integer are divisible by 5"

_TIMEOUT_SECONDS = 60

_log = logging.getLogger(__name__)


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
    clients = whole_numbers(read_table(path), COLUMNS, path.name)
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
    clients = whole_numbers(read_table(file) if cached else parse_table(_fetch(), file.name), COLUMNS, file.name)
    if _digest(clients) != PUBLISHED_SHA256:
        origin, remedy = (
            (str(file), "delete it") if cached else (ARCHIVE_URL, f"pass a copy with {option('data', 'FILE')}")
        )
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
        raise DataError(
            f"Cannot get the data from {ARCHIVE_URL}: {error}. Pass a copy with {option('data', 'FILE')}."
        ) from error


def _canonical_csv(clients: pd.DataFrame) -> bytes:
    return clients.to_csv(index=False, lineterminator="\n").encode()


def _digest(clients: pd.DataFrame) -> str:
    return hashlib.sha256(_canonical_csv(clients)).hexdigest()


def _is_held_out(clients: pd.DataFrame) -> BoolArray:
    def first_eight_bytes(client: int) -> int:
        return int.from_bytes(hashlib.sha256(f"{HOLDOUT_SALT}:{client}".encode()).digest()[:8], "big")

    return np.array([first_eight_bytes(client) % 5 == 0 for client in clients["ID"]], dtype=np.bool_)

"""Clients that tests make up: the published data is not part of the repository."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from credit_default.data import Dataset, Source
from credit_default.uci_table import BILL_COLUMNS, COLUMNS, PAYMENT_COLUMNS, STATUS_COLUMNS, TARGET

SEED = 11


def make_clients(rows: int = 1, **columns: int | str | npt.NDArray[np.int64]) -> pd.DataFrame:
    """Clients who never used their card, but for the columns given."""
    clients = pd.DataFrame(0, index=range(rows), columns=COLUMNS)
    clients["ID"] = np.arange(1, rows + 1)
    clients["LIMIT_BAL"] = 100_000
    clients[STATUS_COLUMNS] = -2
    return clients.assign(**columns)


def make_dataset(rows: int = 1_500) -> Dataset:
    """Clients with random histories, of whom those overdue default more often."""
    random = np.random.default_rng(SEED)
    limit = random.integers(1, 50, rows) * 10_000
    status = random.choice([-2, -1, 0, 1, 2, 3], p=[0.1, 0.2, 0.45, 0.1, 0.1, 0.05], size=(rows, 6))
    bill = (random.uniform(-0.05, 1, (rows, 6)) * limit[:, None]).astype(np.int64)
    bill[random.random(rows) < 0.1] = 0
    payment = (random.exponential(0.05, (rows, 6)) * limit[:, None]).astype(np.int64)
    risk = 0.08 + 0.15 * np.clip(status[:, 0], 0, None) + 0.1 * (limit < 100_000)
    return Dataset(
        make_clients(
            rows,
            LIMIT_BAL=limit,
            SEX=random.integers(1, 3, rows),
            EDUCATION=random.integers(1, 5, rows),
            MARRIAGE=random.integers(1, 4, rows),
            AGE=random.integers(21, 70, rows),
            **dict(zip(STATUS_COLUMNS, status.T, strict=True)),
            **dict(zip(BILL_COLUMNS, bill.T, strict=True)),
            **dict(zip(PAYMENT_COLUMNS, payment.T, strict=True)),
            **{TARGET: (random.random(rows) < risk).astype(np.int64)},
        ),
        Source("made up"),
    )


def write_csv(clients: pd.DataFrame, path: Path) -> Path:
    """Writes clients to a file that `data.load` reads, and returns its path."""
    clients.to_csv(path, index=False)
    return path

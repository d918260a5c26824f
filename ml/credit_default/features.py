"""The one definition of the model's inputs: what each is, how it is computed and what training may assume of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import pandas as pd

from credit_default.arrays import Float32Array, FloatArray
from credit_default.uci_table import BILL_COLUMNS, PAYMENT_COLUMNS, STATUS_COLUMNS


class Direction(IntEnum):
    """How the forecast may move when the input grows; the values are LightGBM's."""

    FALLING = -1
    FREE = 0
    RISING = 1


class History:
    """Six months of N clients, newest month first.

    Attributes:
        limit: credit limit [N], NT dollars.
        status: repayment status [N, 6]: -2 no consumption, -1 paid in full, 0 revolving, 1 to 9 months overdue.
        bill: bill [N, 6], NT dollars, negative for a balance in the client's favour.
        payment: amount paid [N, 6], NT dollars; a month's payment answers the bill of the month before.
    """

    def __init__(self, clients: pd.DataFrame) -> None:
        self.limit: FloatArray = clients["LIMIT_BAL"].to_numpy(np.float64)
        self.status: FloatArray = clients[STATUS_COLUMNS].to_numpy(np.float64)
        self.bill: FloatArray = clients[BILL_COLUMNS].to_numpy(np.float64)
        self.payment: FloatArray = clients[PAYMENT_COLUMNS].to_numpy(np.float64)


@dataclass(frozen=True)
class Feature:
    """One input of the model.

    Attributes:
        formula: how it is computed, in words.
        minimum, maximum: inclusive valid range; None for an unbounded end.
        nullable: whether the formula has no value (NaN) for some clients.
        direction_reason: why the forecast may move that way only, or is free to move both ways.
    """

    name: str
    unit: str
    formula: str
    compute: Callable[[History], FloatArray]
    direction_reason: str
    minimum: float | None = None
    maximum: float | None = None
    direction: Direction = Direction.FREE
    nullable: bool = False

    @property
    def description(self) -> str:
        """The formula with its unit."""
        return f"{self.formula} ({self.unit})"


def _share_paid(history: History) -> FloatArray:
    billed = np.clip(history.bill[:, 1:], 0, None).sum(axis=1)
    paid = history.payment[:, :-1].sum(axis=1)
    share: FloatArray = np.divide(paid, billed, out=np.full_like(paid, np.nan), where=billed > 0)
    return share


FEATURES: Final = (
    Feature(
        name="credit_limit",
        unit="NT dollars",
        formula="credit limit",
        compute=lambda history: history.limit,
        direction_reason="a higher limit, all else equal, is granted to clients of better standing",
        minimum=0,
        direction=Direction.FALLING,
    ),
    Feature(
        name="months_overdue",
        unit="months",
        formula="how far the account is overdue this month; 0 when it is not",
        compute=lambda history: np.clip(history.status[:, 0], 0, None),
        direction_reason="a longer delay must not improve a forecast",
        minimum=0,
        maximum=9,
        direction=Direction.RISING,
    ),
    Feature(
        name="months_overdue_previous",
        unit="months",
        formula="how far the account was overdue one month ago; 0 when it was not",
        compute=lambda history: np.clip(history.status[:, 1], 0, None),
        direction_reason="a longer delay must not improve a forecast",
        minimum=0,
        maximum=9,
        direction=Direction.RISING,
    ),
    Feature(
        name="months_late",
        unit="months",
        formula="how many of the last six months the account was overdue",
        compute=lambda history: (history.status > 0).sum(axis=1).astype(np.float64),
        direction_reason="one more late month must not improve a forecast",
        minimum=0,
        maximum=6,
        direction=Direction.RISING,
    ),
    Feature(
        name="on_time_status",
        unit="code",
        formula="use of the account this month: -2 no consumption, -1 paid in full, 0 revolving or overdue",
        compute=lambda history: np.clip(history.status[:, 0], None, 0),
        direction_reason="a code without an order of risk: 0 stands for revolving and for overdue accounts alike",
        minimum=-2,
        maximum=0,
    ),
    Feature(
        name="utilisation",
        unit="share of the credit limit",
        formula="latest bill divided by the credit limit; negative for a balance in the client's favour",
        compute=lambda history: history.bill[:, 0] / history.limit,
        direction_reason="accounts without a bill default more often than accounts with a small one",
    ),
    Feature(
        name="mean_utilisation",
        unit="share of the credit limit",
        formula="mean of the last three bills divided by the credit limit",
        compute=lambda history: history.bill[:, :3].mean(axis=1) / history.limit,
        direction_reason="accounts without bills default more often than accounts with small ones",
    ),
    Feature(
        name="new_charges",
        unit="share of the credit limit",
        formula="latest bill, less the bill before it, plus the latest payment, divided by the credit limit",
        compute=lambda history: (history.bill[:, 0] - history.bill[:, 1] + history.payment[:, 0]) / history.limit,
        direction_reason="few charges are made both on idle accounts and by clients who cannot afford more",
    ),
    Feature(
        name="mean_payment",
        unit="NT dollars a month",
        formula="mean of the last six payments",
        compute=lambda history: history.payment.mean(axis=1),
        direction_reason="paying more must not worsen a forecast",
        minimum=0,
        direction=Direction.FALLING,
    ),
    Feature(
        name="share_paid",
        unit="share of the bills",
        formula="last five payments divided by the five positive bills they answer; missing when there was no bill",
        compute=_share_paid,
        direction_reason="paying a small bill in full is no better a sign than paying part of a large one",
        minimum=0,
        nullable=True,
    ),
)

NAMES: Final = tuple(feature.name for feature in FEATURES)


def compute(clients: pd.DataFrame) -> Float32Array:
    """The model's inputs of N clients, shape [N, 10] in the order of `FEATURES`, NaN where missing.

    They are rounded to float32 here, once: it is the type that the exported model takes, so that training, scoring
    and the service all compare the same numbers with the trees' thresholds.
    """
    history = History(clients)
    return np.column_stack([feature.compute(history) for feature in FEATURES]).astype(np.float32)

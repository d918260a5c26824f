"""What a model decides at its threshold: for all clients, and for groups that its inputs leave out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from credit_default.arrays import BoolArray, IntArray
from credit_default.evaluation.uncertainty import Estimate, proportion

_SEX: Final = {1: "male", 2: "female"}
_MARRIAGE: Final = {1: "married", 2: "single", 3: "others"}
_EDUCATION: Final = {1: "graduate school", 2: "university", 3: "high school", 4: "others"}
# UCI does not say what the other codes mean.
_UNDOCUMENTED: Final = "undocumented"
# Years: from, and up to but without.
_AGE_BANDS: Final = {
    "under 30": (-np.inf, 30),
    "30 to 39": (30, 40),
    "40 to 49": (40, 50),
    "50 to 59": (50, 60),
    "60 and over": (60, np.inf),
}


@dataclass(frozen=True)
class Confusion:
    """Counts of predictions against outcomes; a default is the positive class."""

    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int

    @property
    def clients(self) -> int:
        """How many clients were decided on."""
        return self.defaulters + self.true_negatives + self.false_positives

    @property
    def defaulters(self) -> int:
        """How many of them defaulted."""
        return self.true_positives + self.false_negatives

    @property
    def selection_rate(self) -> Estimate | None:
        """Share of the clients that is predicted to default."""
        return proportion(self.true_positives + self.false_positives, self.clients)

    @property
    def default_rate(self) -> Estimate | None:
        """Share of the clients that defaulted."""
        return proportion(self.defaulters, self.clients)

    @property
    def true_positive_rate(self) -> Estimate | None:
        """Share of the defaulters that is predicted to default."""
        return proportion(self.true_positives, self.defaulters)

    @property
    def false_positive_rate(self) -> Estimate | None:
        """Share of the others that is predicted to default."""
        return proportion(self.false_positives, self.clients - self.defaulters)

    @property
    def precision(self) -> Estimate | None:
        """Share of those predicted to default that did."""
        return proportion(self.true_positives, self.true_positives + self.false_positives)


@dataclass(frozen=True)
class Group:
    """The decisions about the clients who share a personal attribute."""

    attribute: str
    name: str
    decisions: Confusion


def confusion(defaulted: IntArray, predicted: IntArray) -> Confusion:
    """Counts outcomes [N] against predictions [N], both 1 for a default and 0 otherwise."""
    (true_negatives, false_positives), (false_negatives, true_positives) = (
        [int(np.sum((defaulted == outcome) & (predicted == prediction))) for prediction in (0, 1)] for outcome in (0, 1)
    )
    return Confusion(true_negatives, false_positives, false_negatives, true_positives)


def by_group(clients: pd.DataFrame, defaulted: IntArray, predicted: IntArray) -> list[Group]:
    """The decisions by sex, marital status, education and age; groups without clients are left out."""
    return [
        Group(attribute, name, confusion(defaulted[members], predicted[members]))
        for attribute, name, members in _members(clients)
        if members.any()
    ]


def _members(clients: pd.DataFrame) -> Iterator[tuple[str, str, BoolArray]]:
    for attribute, column, names in (
        ("sex", "SEX", _SEX),
        ("marital status", "MARRIAGE", _MARRIAGE),
        ("education", "EDUCATION", _EDUCATION),
    ):
        codes = clients[column].to_numpy()
        for code, name in names.items():
            yield attribute, name, codes == code
        yield attribute, _UNDOCUMENTED, ~np.isin(codes, list(names))
    age = clients["AGE"].to_numpy()
    for name, (start, end) in _AGE_BANDS.items():
        yield "age", name, (age >= start) & (age < end)

"""What moves a model's forecasts, asked of the model as a black box."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.metrics import roc_auc_score

from credit_default.arrays import Float32Array, FloatArray, IntArray
from credit_default.features import FEATURES, Feature

SEED: Final = 20050930
SHUFFLES: Final = 10
_GROUPS: Final = 10
_GRID_POINTS: Final = 25
# Beyond these the few clients there are would stretch the axis and hide all others.
_GRID_PERCENT: Final = (1, 99)

Scorer = Callable[[Float32Array], FloatArray]


@dataclass(frozen=True)
class Importance:
    """How much AUC is lost when an input's values are shuffled among the clients: mean and standard deviation."""

    feature: Feature
    mean: float
    deviation: float


@dataclass(frozen=True)
class PartialDependence:
    """Mean forecast [K] if every client had the input at each of its values [K], or had it missing."""

    feature: Feature
    values: FloatArray
    probability: FloatArray
    missing: float | None


def permutation_importance(
    scorer: Scorer, inputs: Float32Array, defaulted: IntArray, *, shuffles: int = SHUFFLES
) -> list[Importance]:
    """The importance of each input of clients [N, 10] with outcomes [N], the greatest first.

    Breiman (2001), "Random Forests". Inputs that tell the same story share it: each is then less important alone.
    """
    random = np.random.default_rng(SEED)
    auc = roc_auc_score(defaulted, scorer(inputs))
    importances = []
    for column, feature in enumerate(FEATURES):
        losses = []
        for _ in range(shuffles):
            shuffled = inputs.copy()
            shuffled[:, column] = random.permutation(shuffled[:, column])
            losses.append(auc - roc_auc_score(defaulted, scorer(shuffled)))
        importances.append(Importance(feature, float(np.mean(losses)), float(np.std(losses))))
    return sorted(importances, key=lambda importance: -importance.mean)


def partial_dependence(scorer: Scorer, inputs: Float32Array) -> list[PartialDependence]:
    """The partial dependence of the forecast on each input of clients [N, 10].

    Friedman (2001), "Greedy Function Approximation". It also averages over combinations of inputs that no client has.
    """
    return [_dependence(scorer, inputs, column) for column in range(len(FEATURES))]


def default_rates(inputs: Float32Array, defaulted: IntArray) -> dict[str, list[float]]:
    """By input, the share of clients [N, 10] who defaulted, from its lowest values to its highest.

    One share for each value where there are at most ten, else for each tenth of the clients; fewer where many clients
    share a value. Clients whose input is missing are left out.
    """
    rates = {}
    for column, feature in enumerate(FEATURES):
        present = ~np.isnan(inputs[:, column])
        values, outcomes = inputs[present, column].astype(np.float64), defaulted[present]
        ends = np.unique(values)
        if len(ends) > _GROUPS:
            ends = np.unique(np.percentile(values, np.linspace(0, 100, _GROUPS + 1)[1:]))
        group = np.searchsorted(ends, values)
        rates[feature.name] = [float(outcomes[group == number].mean()) for number in np.unique(group)]
    return rates


def _dependence(scorer: Scorer, inputs: Float32Array, column: int) -> PartialDependence:
    def mean_forecast(value: float) -> float:
        changed = inputs.copy()
        changed[:, column] = value
        return float(scorer(changed).mean())

    feature, values = FEATURES[column], _grid(inputs[:, column].astype(np.float64))
    return PartialDependence(
        feature,
        values,
        np.array([mean_forecast(value) for value in values]),
        mean_forecast(np.nan) if feature.nullable else None,
    )


def _grid(values: FloatArray) -> FloatArray:
    present = values[~np.isnan(values)]
    distinct = np.unique(present)
    if len(distinct) <= _GRID_POINTS:
        return distinct
    return np.unique(np.percentile(present, np.linspace(*_GRID_PERCENT, _GRID_POINTS)))

"""Fits the model, and measures the way it is fitted by repeated cross-validation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from sklearn.model_selection import StratifiedKFold

from credit_default import metrics
from credit_default.arrays import Float32Array, FloatArray, IntArray
from credit_default.features import FEATURES, NAMES

SEED: Final = 20050930
FOLDS: Final = 5
REPEATS: Final = 2

# Found by `train.py --tune` on the development rows.
TUNED: Final[dict[str, float]] = {
    "num_iterations": 199,
    "learning_rate": 0.028,
    "num_leaves": 17,
    "min_data_in_leaf": 121,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.7,
    "lambda_l2": 13.3,
}
# One thread and row-wise histograms make the sums, and so the trees, the same on every run.
FIXED: Final[dict[str, Any]] = {
    "objective": "binary",
    "bagging_freq": 1,
    "seed": SEED,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
# The method "advanced" lets some forecasts move the wrong way (LightGBM issue 5358); "basic" does not.
MONOTONE: Final[dict[str, Any]] = {
    "monotone_constraints": [int(feature.direction) for feature in FEATURES],
    "monotone_constraints_method": "basic",
}

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Bar:
    """A limit that a metric of the procedure must keep for a model to ship."""

    metric: str
    at_least: float = -np.inf
    at_most: float = np.inf

    def __str__(self) -> str:
        return f"{self.metric} <= {self.at_most}" if np.isfinite(self.at_most) else f"{self.metric} >= {self.at_least}"


BARS: Final = (Bar("auc", at_least=0.784), Bar("brier", at_most=0.1345), Bar("ece", at_most=0.010))


class BarMissedError(Exception):
    """The cross-validated procedure is not good enough to ship a model."""


def fit(
    inputs: Float32Array, defaulted: IntArray, *, monotone: bool = True, tuned: dict[str, float] = TUNED
) -> lgb.Booster:
    """Fits one model to inputs [N, 10] and outcomes [N]; the same rows give the same model."""
    parameters = FIXED | tuned | (MONOTONE if monotone else {})
    return lgb.train(parameters, lgb.Dataset(inputs, defaulted, feature_name=list(NAMES)))


def out_of_fold(
    inputs: Float32Array, defaulted: IntArray, *, repeat: int = 0, monotone: bool = True, progress: Progress = print
) -> FloatArray:
    """The probability of default [N] of each row, from a model fitted on the four folds that do not hold it.

    `repeat` says which of the ways of cutting the rows into stratified folds to use.
    """
    probability = np.empty(len(defaulted))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED + repeat).split(inputs, defaulted)
    for fold, (train, test) in enumerate(folds, start=1):
        progress(f"repeat {repeat + 1}, fold {fold} of {FOLDS}")
        probability[test] = fit(inputs[train], defaulted[train], monotone=monotone).predict(inputs[test])
    return probability


def cross_validate(
    inputs: Float32Array, defaulted: IntArray, *, monotone: bool = True, progress: Progress = print
) -> dict[str, float]:
    """The measures of `metrics.summarise` out of fold, each the mean of `REPEATS` repeats."""
    repeats = [
        metrics.summarise(defaulted, out_of_fold(inputs, defaulted, repeat=r, monotone=monotone, progress=progress))
        for r in range(REPEATS)
    ]
    return {name: float(np.mean([repeat[name] for repeat in repeats])) for name in repeats[0]}


def check_bars(measured: dict[str, float]) -> None:
    """Raises `BarMissedError`, naming each bar that the cross-validated measures miss."""
    missed = [
        f"{bar} (measured {measured[bar.metric]:.4f})"
        for bar in BARS
        if not bar.at_least <= measured[bar.metric] <= bar.at_most
    ]
    if missed:
        raise BarMissedError(f"No model was written: the procedure misses {', '.join(missed)}.")

"""Random search for the parameters of training, among models small enough to be fast."""

from typing import Any, Final

import lightgbm as lgb
import numpy as np

from credit_default.arrays import Float32Array, IntArray
from credit_default.features import NAMES
from credit_default.training import FIXED, FOLDS, MONOTONE, SEED, Progress

TRIALS: Final = 60
# Twice the trees gain less than the noise of the folds, and the service pays for each tree at each prediction.
MAXIMUM_ITERATIONS: Final = 400
PATIENCE: Final = 50


def search(
    inputs: Float32Array, defaulted: IntArray, *, trials: int = TRIALS, progress: Progress = print
) -> dict[str, float]:
    """The parameters of least cross-validated log loss on inputs [N, 10] and outcomes [N], of `trials` drawn.

    Log loss is proper, so that it rewards both ranking and calibration. The number of trees is where it stops falling.
    """
    random = np.random.default_rng(SEED)
    best: dict[str, float] = {}
    least = np.inf
    for trial in range(1, trials + 1):
        drawn = _draw(random)
        curves: dict[str, Any] = lgb.cv(
            FIXED | MONOTONE | drawn,
            lgb.Dataset(inputs, defaulted, feature_name=list(NAMES)),
            num_boost_round=MAXIMUM_ITERATIONS,
            nfold=FOLDS,
            stratified=True,
            seed=SEED,
            callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
        )
        losses: list[float] = curves["valid binary_logloss-mean"]
        if losses[-1] < least:
            least, best = losses[-1], {"num_iterations": len(losses)} | drawn
        progress(f"trial {trial} of {trials}: log loss {losses[-1]:.5f}, best {least:.5f}")
    return best


def _draw(random: np.random.Generator) -> dict[str, float]:
    return {
        "learning_rate": round(float(np.exp(random.uniform(np.log(0.02), np.log(0.1)))), 3),
        "num_leaves": int(random.integers(6, 18)),
        "min_data_in_leaf": int(random.integers(20, 200)),
        "feature_fraction": round(float(random.uniform(0.3, 1.0)), 1),
        "bagging_fraction": round(float(random.uniform(0.5, 1.0)), 1),
        "lambda_l2": round(float(np.exp(random.uniform(np.log(0.1), np.log(50)))), 1),
    }

"""How far a measure of a sample may be from that of the population: 95 % intervals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from credit_default import metrics
from credit_default.arrays import FloatArray, IntArray

SEED: Final = 20050930
RESAMPLES: Final = 1000
_TAIL_PERCENT: Final = 2.5
_NORMAL_QUANTILE: Final = 1.959964

Measures = Callable[[IntArray, FloatArray], dict[str, float]]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


def bootstrap(measures: Measures, defaulted: IntArray, probability: FloatArray) -> dict[str, Estimate]:
    """The measures of outcomes [N] and probabilities [N], with percentile intervals over rows drawn with replacement.

    The intervals are of this model on other clients; they say nothing of a model trained anew. Efron and Tibshirani
    (1993), "An Introduction to the Bootstrap", chapter 13.
    """
    random = np.random.default_rng(SEED)
    drawn = []
    for _ in range(RESAMPLES):
        rows = random.integers(0, len(defaulted), len(defaulted))
        drawn.append(measures(defaulted[rows], probability[rows]))
    return {
        name: Estimate(value, *_interval(np.array([resample[name] for resample in drawn])))
        for name, value in measures(defaulted, probability).items()
    }


def calibration_error_by_chance(probability: FloatArray) -> float:
    """The calibration error that forecasts [N] exceed in one sample of twenty though they are perfect.

    Outcomes are drawn from the forecasts themselves, so that what error there is comes from the size of the sample.
    """
    random = np.random.default_rng(SEED)
    errors = [
        metrics.expected_calibration_error(
            (random.random(len(probability)) < probability).astype(np.int64), probability
        )
        for _ in range(RESAMPLES)
    ]
    return float(np.percentile(errors, 95))


def proportion(successes: int, trials: int) -> Estimate | None:
    """A share with its Wilson score interval (Wilson 1927); None when there was no trial."""
    if trials == 0:
        return None
    share, square = successes / trials, _NORMAL_QUANTILE**2
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = _NORMAL_QUANTILE / (1 + square / trials) * np.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    return Estimate(share, max(0.0, float(centre - half)), min(1.0, float(centre + half)))


def _interval(drawn: FloatArray) -> tuple[float, float]:
    low, high = np.percentile(drawn, [_TAIL_PERCENT, 100 - _TAIL_PERCENT])
    return float(low), float(high)

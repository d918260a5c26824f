"""Measures of a scorecard: how well it ranks, how close its probabilities are, and where to cut."""

from typing import Final

import numpy as np
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from credit_default.arrays import FloatArray, IntArray

CALIBRATION_BINS: Final = 10


def summarise(defaulted: IntArray, probability: FloatArray) -> dict[str, float]:
    """Threshold-free measures of probabilities [N] against outcomes [N] (1 = default).

    Returns:
        auc, gini (2 AUC - 1), ks (Kolmogorov-Smirnov), brier (mean squared error) and ece.
    """
    auc = float(roc_auc_score(defaulted, probability))
    return {
        "auc": auc,
        "gini": 2 * auc - 1,
        "ks": kolmogorov_smirnov(defaulted, probability),
        "brier": float(brier_score_loss(defaulted, probability)),
        "ece": expected_calibration_error(defaulted, probability),
    }


def kolmogorov_smirnov(defaulted: IntArray, probability: FloatArray) -> float:
    """Largest distance between the score distributions of defaulters and others, from 0 to 1."""
    false_positive_rate, true_positive_rate, _ = roc_curve(defaulted, probability)
    return float(np.max(true_positive_rate - false_positive_rate))


def expected_calibration_error(defaulted: IntArray, probability: FloatArray) -> float:
    """Mean distance between forecast and observed default rate, over ten bins of equal count.

    Naeini, Cooper and Hauskrecht (2015), "Obtaining Well Calibrated Probabilities Using Bayesian Binning", with
    equal-count in place of equal-width bins, since few clients have a high probability.
    """
    order = np.argsort(probability, kind="stable")
    gaps = [
        len(rows) * abs(probability[rows].mean() - defaulted[rows].mean())
        for rows in np.array_split(order, CALIBRATION_BINS)
        if len(rows)
    ]
    return float(sum(gaps) / len(probability))


def youden_threshold(defaulted: IntArray, probability: FloatArray) -> float:
    """The cut that maximises Youden's J, true minus false positive rate, to three decimals.

    It is the point where the Kolmogorov-Smirnov distance is reached, and the cheapest cut when a missed default costs
    (1 - p) / p times a refused good client, p being the default rate: 3.5 times on the published data. A lender who
    knows the two costs should set a threshold from them instead (Youden 1950, "Index for rating diagnostic tests").
    """
    false_positive_rate, true_positive_rate, thresholds = roc_curve(defaulted, probability)
    # The first point of the curve is the cut above every score, at infinity.
    best = 1 + int(np.argmax((true_positive_rate - false_positive_rate)[1:]))
    return round(float(thresholds[best]), 3)

import numpy as np
import pytest

from credit_default import metrics


def test_a_perfect_ranking_has_an_auc_gini_and_ks_of_one() -> None:
    summary = metrics.summarise(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]))

    assert (summary["auc"], summary["gini"], summary["ks"]) == (1, 1, 1)
    assert summary["brier"] == pytest.approx((0.1**2 + 0.2**2 + 0.2**2 + 0.1**2) / 4)


def test_one_inverted_pair_costs_a_quarter_of_the_auc() -> None:
    summary = metrics.summarise(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4]))

    assert summary["auc"] == pytest.approx(0.75)
    assert summary["gini"] == pytest.approx(0.5)
    assert summary["ks"] == pytest.approx(0.5)


def test_forecasts_that_match_each_bins_default_rate_have_no_calibration_error() -> None:
    defaulted = np.array(([0] * 10) * 5 + ([0, 1] * 5) * 5)
    forecast = np.repeat([0.0, 0.5], 50)

    assert metrics.expected_calibration_error(defaulted, forecast) == 0
    assert metrics.expected_calibration_error(1 - defaulted, forecast) == pytest.approx(0.5)


def test_calibration_error_weighs_bins_by_their_rows() -> None:
    probability = np.linspace(0.0, 0.1, 11)

    assert metrics.expected_calibration_error(np.zeros(11, dtype=np.int64), probability) == pytest.approx(0.05)


def test_the_threshold_is_where_the_rates_are_furthest_apart() -> None:
    defaulted = np.array([0, 0, 0, 1, 0, 1, 1])
    probability = np.array([0.05, 0.1, 0.15, 0.3004, 0.35, 0.4, 0.6])

    assert metrics.youden_threshold(defaulted, probability) == 0.3


def test_the_threshold_is_a_score_even_where_the_ranking_says_nothing() -> None:
    assert metrics.youden_threshold(np.array([0, 1]), np.full(2, 0.4)) == 0.4

import numpy as np
import pytest

from credit_default.arrays import FloatArray, IntArray
from credit_default.evaluation import uncertainty
from credit_default.evaluation.uncertainty import Estimate


def default_rate(defaulted: IntArray, _: FloatArray) -> dict[str, float]:
    return {"rate": float(defaulted.mean())}


def test_a_bootstrap_interval_of_a_rate_is_as_wide_as_theory_says() -> None:
    defaulted = np.repeat([0, 1], [800, 200])

    rate = uncertainty.bootstrap(default_rate, defaulted, np.zeros(1000))["rate"]

    half = 1.96 * np.sqrt(0.2 * 0.8 / 1000)
    assert rate.value == 0.2
    assert (rate.low, rate.high) == pytest.approx((0.2 - half, 0.2 + half), abs=0.003)


@pytest.mark.usefixtures("few_resamples")
def test_the_same_rows_give_the_same_interval() -> None:
    defaulted = np.repeat([0, 1], [30, 20])
    first, second = (uncertainty.bootstrap(default_rate, defaulted, np.zeros(50)) for _ in range(2))

    assert first == second


@pytest.mark.usefixtures("few_resamples")
def test_draws_outcomes_together_with_their_forecasts() -> None:
    def disagreement(defaulted: IntArray, probability: FloatArray) -> dict[str, float]:
        return {"apart": float(np.abs(defaulted - probability).max())}

    defaulted = np.arange(100) % 2
    apart = uncertainty.bootstrap(disagreement, defaulted, defaulted.astype(np.float64))["apart"]

    assert apart == Estimate(0, 0, 0)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_of_a_share_is_wilsons(successes: int, trials: int, low: float, high: float) -> None:
    estimate = uncertainty.proportion(successes, trials)

    assert estimate is not None
    assert estimate.value == successes / trials
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


def test_no_trials_have_no_share() -> None:
    assert uncertainty.proportion(0, 0) is None


@pytest.mark.usefixtures("few_resamples")
def test_perfect_forecasts_show_less_error_the_more_clients_there_are() -> None:
    few = uncertainty.calibration_error_by_chance(np.full(200, 0.2))
    many = uncertainty.calibration_error_by_chance(np.full(20_000, 0.2))

    assert few == pytest.approx(10 * many, rel=0.3)
    assert uncertainty.calibration_error_by_chance(np.repeat([0.0, 1.0], 50)) == 0

import numpy as np
import pytest

from credit_default.arrays import Float32Array, FloatArray
from credit_default.evaluation import explanation
from credit_default.features import FEATURES, NAMES

LIMIT, STATUS, SHARE = (NAMES.index(name) for name in ("credit_limit", "on_time_status", "share_paid"))
INPUTS: Float32Array = np.random.default_rng(1).random((400, len(NAMES)), dtype=np.float32)
INPUTS[:40, SHARE] = np.nan


def linear(inputs: Float32Array) -> FloatArray:
    """A model that asks for the limit, doubly for the share paid, and for nothing else; 0.9 where that is missing."""
    score: FloatArray = 0.1 + 0.2 * inputs[:, LIMIT].astype(np.float64) + 0.4 * inputs[:, SHARE]
    return np.where(np.isnan(score), 0.9, score)


def test_what_the_model_asks_for_is_important_and_the_rest_is_not() -> None:
    defaulted = (linear(INPUTS) > 0.5).astype(np.int64)
    importances = explanation.permutation_importance(linear, INPUTS, defaulted, shuffles=3)

    assert [importance.feature.name for importance in importances[:2]] == ["share_paid", "credit_limit"]
    assert importances[0].mean > importances[1].mean > 0.01
    assert {(importance.mean, importance.deviation) for importance in importances[2:]} == {(0, 0)}


def test_importance_leaves_the_inputs_as_they_were() -> None:
    before = INPUTS.copy()
    explanation.permutation_importance(linear, INPUTS, np.arange(400) % 2, shuffles=1)

    np.testing.assert_array_equal(INPUTS, before)


def test_partial_dependence_is_the_mean_forecast_at_each_value() -> None:
    dependences = explanation.partial_dependence(linear, INPUTS)
    limit, share = dependences[LIMIT], dependences[SHARE]

    assert [dependence.feature for dependence in dependences] == list(FEATURES)
    slope = np.diff(limit.probability) / np.diff(limit.values)
    np.testing.assert_allclose(slope, 0.2 * 360 / 400, rtol=1e-3)
    assert limit.missing is None
    assert share.missing == pytest.approx(0.9)


def test_partial_dependence_keeps_to_where_clients_are() -> None:
    inputs = INPUTS.copy()
    inputs[0, LIMIT] = 1e9
    inputs[:, STATUS] = np.arange(400) % 3 - 2
    dependences = explanation.partial_dependence(linear, inputs)

    assert dependences[LIMIT].values.max() < 1
    assert dependences[STATUS].values.tolist() == [-2, -1, 0]


def test_default_rates_go_from_the_lowest_values_to_the_highest() -> None:
    inputs = INPUTS.copy()
    inputs[:, STATUS] = np.repeat([-2, -1, 0, 0], 100)
    defaulted = np.repeat([0, 1, 0, 1], 100)
    ordered = np.argsort(inputs[:, LIMIT])
    risky = np.empty(400, dtype=np.int64)
    risky[ordered] = np.repeat(np.arange(10) % 2, 40)

    assert explanation.default_rates(inputs, defaulted)["on_time_status"] == [0, 1, 0.5]
    assert explanation.default_rates(inputs, risky)["credit_limit"] == [0, 1] * 5


def test_default_rates_leave_missing_inputs_out() -> None:
    assert explanation.default_rates(INPUTS, np.isnan(INPUTS[:, SHARE]).astype(np.int64))["share_paid"] == [0] * 10

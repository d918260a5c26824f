import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from credit_default import features, training, tuning
from credit_default.features import FEATURES, Direction
from credit_default.training import BarMissedError
from tests.conftest import Fitted
from tests.factories import make_dataset

GOOD = {"auc": 0.7841, "brier": 0.1344, "ece": 0.0099}


def silent(_: str) -> None:
    pass


def test_the_same_rows_give_the_same_model(fitted: Fitted) -> None:
    again = training.fit(fitted.inputs, fitted.dataset.development().defaulted)

    assert again.model_to_string() == fitted.booster.model_to_string()


@pytest.mark.parametrize("column", [i for i, feature in enumerate(FEATURES) if feature.direction != Direction.FREE])
def test_forecasts_move_only_in_an_inputs_direction(fitted: Fitted, column: int) -> None:
    rows = np.repeat(fitted.inputs[:200, None, :], 50, axis=1)
    rows[:, :, column] = np.linspace(0, np.nanmax(fitted.inputs[:, column]), 50)
    forecasts = np.asarray(fitted.booster.predict(rows.reshape(-1, len(FEATURES)))).reshape(200, 50)

    assert (np.diff(forecasts, axis=1) * FEATURES[column].direction).min() >= 0


def test_outcomes_that_are_pure_chance_cannot_be_ranked_out_of_fold(fitted: Fitted) -> None:
    chance = np.random.default_rng(5).integers(0, 2, len(fitted.inputs))
    in_sample = training.fit(fitted.inputs, chance).predict(fitted.inputs)
    unseen = training.out_of_fold(fitted.inputs, chance, progress=silent)

    assert roc_auc_score(chance, in_sample) > 0.6
    assert 0.45 < roc_auc_score(chance, unseen) < 0.55


def test_repeats_cut_the_rows_differently() -> None:
    dataset = make_dataset(400)
    inputs = features.compute(dataset.clients)
    first, second = (training.out_of_fold(inputs, dataset.defaulted, repeat=r, progress=silent) for r in (0, 1))

    assert not np.array_equal(first, second)


def test_cross_validation_is_the_mean_of_its_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    defaulted = np.array([0, 1, 0, 1])
    forecasts = {0: np.array([0.1, 0.9, 0.2, 0.8]), 1: np.array([0.9, 0.1, 0.8, 0.2])}
    monkeypatch.setattr(training, "out_of_fold", lambda inputs, defaulted, *, repeat, **_: forecasts[repeat])

    measured = training.cross_validate(np.zeros((4, 10), dtype=np.float32), defaulted)

    assert measured["auc"] == 0.5


def test_measures_within_every_bar_pass() -> None:
    training.check_bars(GOOD)


@pytest.mark.parametrize(
    ("metric", "value", "message"),
    [
        ("auc", 0.7839, r"auc >= 0\.784 \(measured 0\.7839\)"),
        ("brier", 0.1346, r"brier <= 0\.1345 \(measured 0\.1346\)"),
        ("ece", 0.0101, r"ece <= 0\.01 \(measured 0\.0101\)"),
        ("auc", float("nan"), r"auc >= 0\.784"),
    ],
)
def test_a_missed_bar_is_named_with_what_was_measured(metric: str, value: float, message: str) -> None:
    with pytest.raises(BarMissedError, match=message):
        training.check_bars(GOOD | {metric: value})


def test_the_search_returns_parameters_that_fit_takes() -> None:
    dataset = make_dataset(400)
    inputs = features.compute(dataset.clients)

    found = tuning.search(inputs, dataset.defaulted, trials=2, progress=silent)

    assert found.keys() == training.TUNED.keys()
    assert training.fit(inputs, dataset.defaulted, tuned=found).num_trees() == found["num_iterations"]

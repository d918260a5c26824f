"""What the committed model promises, checked on the model itself and without the data that made it."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from credit_default import data, model_directory
from credit_default.arrays import FloatArray
from credit_default.export import score
from credit_default.features import FEATURES, NAMES, Direction, Feature
from credit_default.training import BARS

DIRECTORY = Path(__file__).parents[1] / "model"


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return onnx.load(DIRECTORY / "model.onnx")


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return model_directory.read(DIRECTORY).metadata


@pytest.fixture(scope="module")
def known(described: dict[str, Any]) -> FloatArray:
    return np.array(described["known_rows"]["inputs"], dtype=np.float64)


def test_was_trained_on_the_published_data_with_todays_inputs_and_holdout(described: dict[str, Any]) -> None:
    assert described["dataset"]["sha256"] == data.PUBLISHED_SHA256
    assert described["holdout"]["rule"] == data.HOLDOUT_RULE
    assert described["feature_names"] == list(NAMES)
    assert described["feature_descriptions"] == {feature.name: feature.description for feature in FEATURES}


def test_keeps_every_bar(described: dict[str, Any]) -> None:
    for bar in BARS:
        assert bar.at_least <= described["training_metrics"][bar.metric] <= bar.at_most


def test_answers_its_known_rows(model: onnx.ModelProto, described: dict[str, Any], known: FloatArray) -> None:
    answers = score(model, known.astype(np.float32))

    assert len(known) >= 32
    np.testing.assert_allclose(answers, described["known_rows"]["probabilities"], atol=1e-5, rtol=0)


def test_scores_ten_zeros(model: onnx.ModelProto) -> None:
    [probability] = score(model, np.zeros((1, 10), dtype=np.float32))

    assert 0 < probability < 1


@pytest.mark.parametrize("feature", [f for f in FEATURES if f.direction != Direction.FREE], ids=lambda f: f.name)
def test_forecasts_move_only_in_an_inputs_direction(
    model: onnx.ModelProto, described: dict[str, Any], known: FloatArray, feature: Feature
) -> None:
    """Walks each known row through the range that training saw."""
    edges = described["reference"]["features"][feature.name]["edges"]
    steps = np.unique(np.concatenate([np.linspace(edges[0], edges[-1], 400), edges, np.arange(10)]))
    rows = np.repeat(known[:, None, :], len(steps), axis=1)
    rows[:, :, NAMES.index(feature.name)] = steps
    forecasts = score(model, rows.reshape(-1, len(NAMES)).astype(np.float32)).reshape(len(known), len(steps))

    moves = np.diff(forecasts, axis=1) * feature.direction
    assert moves.min() >= 0
    assert moves.max() > 0


def test_is_smaller_than_a_megabyte() -> None:
    assert sum(file.stat().st_size for file in DIRECTORY.iterdir()) < 1_000_000

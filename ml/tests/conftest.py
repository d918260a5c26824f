"""What is slow to make and shared by tests: a data set and a model fitted to it."""

from dataclasses import dataclass

import lightgbm as lgb
import onnx
import pytest

from credit_default import export, features, training
from credit_default.arrays import Float32Array
from credit_default.data import Dataset
from credit_default.evaluation import uncertainty
from tests.factories import make_dataset


@dataclass(frozen=True)
class Fitted:
    dataset: Dataset
    inputs: Float32Array
    booster: lgb.Booster
    model: onnx.ModelProto


@pytest.fixture(scope="session")
def fitted() -> Fitted:
    dataset = make_dataset()
    development = dataset.development()
    inputs = features.compute(development.clients)
    booster = training.fit(inputs, development.defaulted)
    return Fitted(dataset, inputs, booster, export.to_onnx(booster))


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uncertainty, "RESAMPLES", 50)

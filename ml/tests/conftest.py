"""What tests share: a fitted model, which is slow to make, and the MLflow that they register it in."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import mlflow
import onnx
import pytest

from credit_default import export, features, metadata, training
from credit_default.arrays import Float32Array
from credit_default.data import Dataset
from credit_default.evaluation import uncertainty
from credit_default.training import Bar
from tests.factories import make_dataset

# Taken away, so that only tests of an MLflow server talk to it.
SERVER = os.environ.pop("MLFLOW_TRACKING_URI", None)
# Messages are those to people who do not use make, unless a test says otherwise.
os.environ.pop("MAKELEVEL", None)


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


@pytest.fixture
def low_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars that a model of little made-up data can take."""
    monkeypatch.setattr(training, "BARS", (Bar("auc", at_least=0.5), Bar("ece", at_most=0.3)))


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture(
    params=[
        "local",
        pytest.param("proxied", marks=pytest.mark.integration),
        pytest.param("direct", marks=pytest.mark.integration),
    ]
)
def model_name(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The name of a registered model that is not there yet, in the MLflow that the environment then names.

    That is MLflow's client on a file, or a server that passes files on to its store, or one whose clients talk to the
    store themselves.
    """
    name = f"test-{uuid.uuid4().hex[:12]}"
    places = {"local": (database, (tmp_path / "artifacts").as_uri()), "proxied": (SERVER, None)}
    uri, artifacts = places.get(request.param, (SERVER, f"s3://mlflow/{name}"))
    if uri is None:
        pytest.fail("Set MLFLOW_TRACKING_URI to an MLflow server, and AWS_* and MLFLOW_S3_ENDPOINT_URL to its store.")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    monkeypatch.setattr(metadata, "MODEL_NAME", name)
    monkeypatch.chdir(tmp_path)  # where MLflow puts what it was given no place for
    client = mlflow.MlflowClient()
    experiment = client.create_experiment(name, artifacts)
    yield name
    client.delete_experiment(experiment)
    if client.search_registered_models(f"name = '{name}'"):
        client.delete_registered_model(name)

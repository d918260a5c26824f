"""The built service answers every client of the published data as LightGBM itself does.

    make .make/build && DATA=FILE ml/.venv/bin/python -m pytest ml -m integration -k parity

FILE is the published data set; without DATA it is downloaded, as `ml/train.py` does.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import numpy as np
import pytest

from credit_default import applications, data, features, service_client, training
from credit_default.data import Dataset
from credit_default.export import PARITY_TOLERANCE
from tests.factories import write_csv

ROOT = Path(__file__).parents[2]
START_SECONDS = 20

pytestmark = pytest.mark.integration


@pytest.fixture
def published() -> Dataset:
    file = os.environ.get("DATA")
    dataset = data.load(Path(file)) if file else data.download(ROOT / "ml" / "data")
    assert dataset.source == data.PUBLISHED
    return dataset


@pytest.fixture
def service_url() -> Iterator[str]:
    """The address of a service that was started with the committed model, and ends with the test."""
    environment = {
        "HOST": "127.0.0.1",
        "PORT": "0",
        "LOG_FORMAT": "json",
        "MODEL_URI": "file:ml/model",
        "PREDICTION_LOG": "off",
    }
    service = subprocess.Popen(
        ["node_modules/.bin/node", "dist/main.js"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield _ready_url(service)
    finally:
        service.terminate()
        service.communicate()


def _ready_url(service: "subprocess.Popen[str]") -> str:
    assert service.stdout
    logged = []
    deadline = Timer(START_SECONDS, service.kill)
    deadline.start()
    try:
        for line in service.stdout:
            logged.append(line)
            if '"Ready"' in line:
                return str(json.loads(line)["url"])
    finally:
        deadline.cancel()
    raise RuntimeError("The service ended before it was ready:\n" + "".join(logged))


def test_the_service_gives_lightgbms_probabilities_to_every_client(
    service_url: str, published: Dataset, tmp_path: Path
) -> None:
    development = published.development()
    booster = training.fit(features.compute(development.clients), development.defaulted)
    expected = np.asarray(booster.predict(features.compute(published.clients)))

    clients = applications.read(write_csv(published.clients, tmp_path / "clients.csv"))
    answered = service_client.predict(service_url, clients)

    assert len(answered.probability) == 30_000
    np.testing.assert_allclose(answered.probability, expected, atol=PARITY_TOLERANCE, rtol=0)

from pathlib import Path
from typing import Any

import mlflow.onnx
import numpy as np
import pytest
from mlflow.models import Model
from yaml.representer import RepresenterError

from credit_default import model_directory
from credit_default.export import score
from credit_default.model_directory import OutputDirectoryError
from tests.conftest import Fitted

METADATA: dict[str, Any] = {"threshold": 0.25, "nullable_features": []}


def test_writes_a_directory_that_mlflow_loads_and_scores_with(fitted: Fitted, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    model_directory.save(fitted.model, METADATA, directory)

    described = Model.load(str(directory))
    [taken] = described.signature.inputs.inputs
    probabilities = mlflow.pyfunc.load_model(str(directory)).predict(fitted.inputs)["probabilities"]

    assert described.metadata == METADATA
    assert (taken.type, taken.shape) == (np.float32, (-1, 10))
    assert (directory / "model.onnx").read_bytes() == fitted.model.SerializeToString()
    assert (directory / "input_example.json").exists()
    np.testing.assert_allclose(probabilities[:, 1], score(fitted.model, fitted.inputs), atol=1e-6, rtol=0)


def test_replaces_the_model_that_was_there(fitted: Fitted, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    model_directory.save(fitted.model, METADATA, directory)
    (directory / "leftover").touch()
    model_directory.save(fitted.model, {"threshold": 0.5}, directory)

    assert Model.load(str(directory)).metadata == {"threshold": 0.5}
    assert not (directory / "leftover").exists()
    assert list(tmp_path.iterdir()) == [directory]


def test_leaves_a_directory_alone_that_is_not_a_models(fitted: Fitted, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()

    with pytest.raises(OutputDirectoryError, match="holds other files"):
        model_directory.save(fitted.model, METADATA, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_keeps_the_old_model_when_the_new_one_cannot_be_written(fitted: Fitted, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    model_directory.save(fitted.model, METADATA, directory)

    with pytest.raises(RepresenterError):
        model_directory.save(fitted.model, {"threshold": object()}, directory)
    assert Model.load(str(directory)).metadata == METADATA
    assert list(tmp_path.iterdir()) == [directory]

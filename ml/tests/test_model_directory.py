import hashlib
from pathlib import Path
from typing import Any

import mlflow.onnx
import numpy as np
import pytest
from mlflow.models import Model
from yaml.representer import RepresenterError

from credit_default import model_directory
from credit_default.export import score
from credit_default.features import NAMES
from credit_default.model_directory import OutputDirectoryError, UnusableModelError
from tests.conftest import Fitted

METADATA: dict[str, Any] = {"threshold": 0.25, "nullable_features": []}


def test_writes_a_directory_that_mlflow_loads_and_scores_with(fitted: Fitted, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    model_directory.save(fitted.model, METADATA, directory)

    described = Model.load(str(directory))
    [taken] = described.signature.inputs.inputs
    probabilities = mlflow.pyfunc.load_model(str(directory)).predict(fitted.inputs)["probabilities"]

    assert described.metadata == {"credit_default": METADATA}
    assert (taken.type, taken.shape) == (np.float32, (-1, 10))
    assert (directory / "model.onnx").read_bytes() == fitted.model.SerializeToString()
    assert (directory / "input_example.json").exists()
    np.testing.assert_allclose(probabilities[:, 1], score(fitted.model, fitted.inputs), atol=1e-6, rtol=0)


def test_replaces_the_model_that_was_there(fitted: Fitted, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    model_directory.save(fitted.model, METADATA, directory)
    (directory / "leftover").touch()
    model_directory.save(fitted.model, {"threshold": 0.5}, directory)

    assert Model.load(str(directory)).metadata == {"credit_default": {"threshold": 0.5}}
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
    assert model_directory.read(directory).metadata == METADATA
    assert list(tmp_path.iterdir()) == [directory]


def test_reads_back_what_it_wrote(fitted: Fitted, tmp_path: Path) -> None:
    described = METADATA | {"feature_names": list(NAMES)}
    model_directory.save(fitted.model, described, tmp_path / "model")
    model = model_directory.load(tmp_path / "model")

    assert model.metadata == described
    assert model.threshold == 0.25
    assert model.sha256 == hashlib.sha256(fitted.model.SerializeToString()).hexdigest()
    np.testing.assert_array_equal(score(model.proto, fitted.inputs), score(fitted.model, fitted.inputs))


def test_reads_what_was_written_before_the_service_had_a_key_of_its_own(fitted: Fitted, tmp_path: Path) -> None:
    arguments = model_directory.mlflow_arguments(fitted.model, METADATA) | {"metadata": METADATA}
    mlflow.onnx.save_model(path=str(tmp_path / "model"), **arguments)

    assert model_directory.read(tmp_path / "model").metadata == METADATA


def test_refuses_a_model_of_other_inputs(fitted: Fitted, tmp_path: Path) -> None:
    model_directory.save(fitted.model, METADATA | {"feature_names": [*NAMES[:-1], "shoe_size"]}, tmp_path / "model")

    with pytest.raises(UnusableModelError, match="takes other inputs"):
        model_directory.load(tmp_path / "model")


def test_refuses_a_directory_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(UnusableModelError, match="holds no model"):
        model_directory.load(tmp_path)

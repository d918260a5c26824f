"""Writes and reads a model as the MLflow directory that the service serves."""

import hashlib
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import mlflow.onnx
import numpy as np
import onnx
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from credit_default import contract
from credit_default.features import FEATURES, NAMES
from credit_default.refused import RefusedModelError

# What a Python scorer of the directory needs; the service needs none of it.
_RUNTIME: Final = ["mlflow", "numpy", "onnx", "onnxruntime"]


class OutputDirectoryError(Exception):
    """The directory holds something else than a model, which must not be overwritten."""


class UnusableModelError(Exception):
    """The directory is not a model that this package can score with."""


@dataclass(frozen=True)
class SavedModel:
    """A model read back from its directory.

    Attributes:
        proto: takes float32 [N, d], as `export.score` does; d is 10 for what `load` returns.
        sha256: hex digest of model.onnx.
        metadata: what `metadata.describe` made; may lack any of it in what `read` returns.
    """

    proto: onnx.ModelProto
    sha256: str
    metadata: dict[str, Any]

    @property
    def input_names(self) -> list[str] | None:
        """What each input is called, in the model's order; None when the model does not say."""
        return self.metadata.get("feature_names")

    @property
    def threshold(self) -> float:
        """The probability from which the model predicts a default."""
        return float(self.metadata["threshold"])


def check_replaceable(directory: Path) -> None:
    """Raises `OutputDirectoryError` unless `directory` is absent, empty or an MLflow model."""
    if directory.exists() and not (directory / "MLmodel").is_file() and any(directory.iterdir()):
        raise OutputDirectoryError(f"{directory} holds other files. Pass --out a new or empty directory, or a model's.")


def save(model: onnx.ModelProto, metadata: dict[str, Any], directory: Path) -> None:
    """Writes the model, replacing the one in `directory` only once the new one is complete.

    Raises:
        OutputDirectoryError: see `check_replaceable`.
    """
    check_replaceable(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=directory.parent) as workspace:
        complete = Path(workspace, "model")
        mlflow.onnx.save_model(path=str(complete), **mlflow_arguments(model, metadata))
        if directory.exists():
            shutil.rmtree(directory)
        complete.rename(directory)


def load(directory: Path) -> SavedModel:
    """Reads what `save` wrote.

    Raises:
        UnusableModelError: there is no model, or it takes other inputs than `features` computes.
    """
    model = read(directory)
    if model.input_names != list(NAMES):
        raise UnusableModelError(f"{directory} takes other inputs than ml/train.py trains on. Train it anew.")
    return model


def read(directory: Path) -> SavedModel:
    """Reads a model of any inputs.

    Raises:
        UnusableModelError: there is no ONNX model.
    """
    if not (directory / "MLmodel").is_file():
        raise UnusableModelError(f"{directory} holds no model. Write one with ml/train.py --out {directory}.")
    if not (directory / "model.onnx").is_file():
        raise UnusableModelError(f"{directory} holds a model, but no model.onnx. Save it with mlflow.onnx.")
    try:
        metadata = contract.members(Model.load(str(directory)).metadata)
    except RefusedModelError as error:
        raise UnusableModelError(str(error)) from error
    content = (directory / "model.onnx").read_bytes()
    return SavedModel(onnx.load_from_string(content), hashlib.sha256(content).hexdigest(), metadata)


def mlflow_arguments(model: onnx.ModelProto, metadata: dict[str, Any]) -> dict[str, Any]:
    """What `mlflow.onnx.save_model` and `log_model` are both told about the model."""
    width = len(FEATURES)
    return {
        "onnx_model": model,
        "metadata": {contract.OUR_KEY: metadata},
        # Tensors and not named columns: MLflow's own server cannot answer two columns from a column signature.
        "signature": ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, width), "input")]),
            outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, 2), "probabilities")]),
        ),
        "input_example": np.zeros((1, width), dtype=np.float32),
        "pip_requirements": [f"{package}=={version(package)}" for package in _RUNTIME],
        "onnx_execution_providers": ["CPUExecutionProvider"],
        "save_as_external_data": False,
    }

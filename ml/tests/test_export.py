import lightgbm as lgb
import numpy as np
import onnx
import pytest
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from credit_default import export, features, training
from credit_default.arrays import Float32Array
from credit_default.export import ParityError
from credit_default.features import NAMES
from tests.conftest import Fitted


def test_the_same_model_gives_the_same_bytes(fitted: Fitted) -> None:
    again = training.fit(fitted.inputs, fitted.dataset.development().defaulted)

    assert export.to_onnx(again).SerializeToString() == fitted.model.SerializeToString()


def test_onnx_gives_lightgbms_probabilities_missing_values_included(fitted: Fitted) -> None:
    inputs = features.compute(fitted.dataset.clients)
    inputs[::3, NAMES.index("share_paid")] = np.nan

    assert export.check_parity(fitted.booster, fitted.model, inputs) <= 1e-6


def test_takes_and_gives_plain_tensors_of_any_batch_size(fitted: Fitted) -> None:
    def shape(value: onnx.ValueInfoProto) -> list[str | int]:
        return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]

    [taken] = fitted.model.graph.input
    given = {output.name: shape(output) for output in fitted.model.graph.output}

    assert shape(taken) == ["N", 10]
    assert taken.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert given == {"label": ["N"], "probabilities": ["N", 2]}


def test_a_model_that_differs_on_one_row_is_refused(fitted: Fitted) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(fitted.model)
    [weights] = [a for node in other.graph.node for a in node.attribute if a.name == "class_weights"]
    weights.floats[0] += 0.01

    with pytest.raises(ParityError, match=r"differ by more than 1e-06 on \d+ of \d+ rows"):
        export.check_parity(fitted.booster, other, fitted.inputs)


def test_a_probability_that_is_no_number_is_refused(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "score", lambda model, inputs: np.full(len(inputs), np.nan))

    with pytest.raises(ParityError):
        export.check_parity(fitted.booster, fitted.model, fitted.inputs)


def close_splits() -> tuple[lgb.Booster, Float32Array]:
    """A model that splits between neighbouring float32 values, where rounding a threshold up changes the answer."""
    random = np.random.default_rng(2)
    first = np.float32(0.1) + np.arange(64, dtype=np.float32) * np.float32(2**-27)
    values = np.repeat(first, 40)
    inputs = np.zeros((len(values), len(NAMES)), dtype=np.float32)
    inputs[:, 0] = values
    defaulted = random.integers(0, 2, len(first)).repeat(40)
    parameters = {"objective": "binary", "num_leaves": 32, "min_data_in_leaf": 1, "min_data_in_bin": 1, "verbosity": -1}
    return lgb.train(parameters, lgb.Dataset(inputs, defaulted), num_boost_round=5), inputs


def test_neighbouring_float32_values_stay_on_their_side_of_a_split() -> None:
    booster, inputs = close_splits()
    nearest = convert_lightgbm(
        booster,
        initial_types=[("input", FloatTensorType([None, len(NAMES)]))],
        target_opset=export.OPSET,
        zipmap=False,
    )

    assert export.check_parity(booster, export.to_onnx(booster), inputs) <= 1e-6
    with pytest.raises(ParityError):
        export.check_parity(booster, nearest, inputs)

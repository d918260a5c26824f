"""Converts a fitted model to ONNX and proves that both give the same probabilities."""

import re
from typing import Final

import lightgbm as lgb
import numpy as np
import onnx
import onnxruntime as ort
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

from credit_default.arrays import Float32Array, FloatArray
from credit_default.features import NAMES

OPSET: Final = 15
PARITY_TOLERANCE: Final = 1e-6


class ParityError(Exception):
    """The ONNX model does not give LightGBM's probabilities."""


def to_onnx(booster: lgb.Booster) -> onnx.ModelProto:
    """Converts to ONNX: `input` float32 [N, 10] -> `label` int64 [N], `probabilities` float32 [N, 2].

    The same booster gives the same bytes.
    """
    model: onnx.ModelProto = convert_lightgbm(
        _with_float32_thresholds(booster),
        name="credit_default",  # the converter's default is a random id
        initial_types=[("input", FloatTensorType([None, len(NAMES)]))],
        target_opset=OPSET,
        zipmap=False,
    )
    # The converter declares one label whatever the batch; runtimes warn at each batch that has more.
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[0].dim_param = "N"
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.checker.check_model(model, full_check=True)
    return model


def score(model: onnx.ModelProto, inputs: Float32Array) -> FloatArray:
    """Probability of default [N] that the ONNX model gives to inputs [N, 10]."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    [probabilities] = session.run(["probabilities"], {"input": inputs})
    return np.asarray(probabilities[:, 1], dtype=np.float64)


def check_parity(booster: lgb.Booster, model: onnx.ModelProto, inputs: Float32Array) -> float:
    """Largest difference of the two models' probabilities over inputs [N, 10].

    Raises:
        ParityError: some row differs by more than `PARITY_TOLERANCE`.
    """
    differences = np.abs(booster.predict(inputs) - score(model, inputs))
    worst = int(np.argmax(differences))
    # Not "> tolerance": that would let a NaN through.
    if not differences[worst] <= PARITY_TOLERANCE:
        apart = int(np.sum(~(differences <= PARITY_TOLERANCE)))
        raise ParityError(
            f"No model was written: ONNX and LightGBM differ by more than {PARITY_TOLERANCE} on {apart} of "
            f"{len(inputs)} rows, most on row {worst}, by {differences[worst]:.3g}."
        )
    return float(differences[worst])


def _with_float32_thresholds(booster: lgb.Booster) -> lgb.Booster:
    """The same model with each split's threshold rounded down to float32.

    ONNX holds thresholds as float32, and the converter rounds to nearest: one that goes up to the value of an input
    would send that input the other way. For float32 x, `x <= t` and `x <= (t rounded down)` are the same question.
    """

    def rounded_down(line: re.Match[str]) -> str:
        exact = np.array(line[1].split(), dtype=np.float64)
        nearest = exact.astype(np.float32)
        down = np.where(nearest > exact, np.nextafter(nearest, np.float32(-np.inf)), nearest)
        return "threshold=" + " ".join(repr(float(threshold)) for threshold in down)

    # The text counts each tree's bytes in tree_sizes, which no longer hold; without the line it is read in order.
    text = re.sub(r"^threshold=(.*)$", rounded_down, booster.model_to_string(), flags=re.MULTILINE)
    return lgb.Booster(model_str=re.sub(r"^tree_sizes=.*\n", "", text, flags=re.MULTILINE))

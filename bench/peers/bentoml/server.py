"""A BentoML service around one run of onnxruntime a request."""

import os
from typing import Annotated

import bentoml
import numpy as np
import onnxruntime as ort
from bentoml.validators import DType, Shape

THRESHOLD = float(os.environ["THRESHOLD"])


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Scorer:
    """Scores arrays of rows."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self._name = self._session.get_inputs()[0].name

    @bentoml.api
    async def predict(self, rows: Annotated[np.ndarray, DType("float32"), Shape((-1, 10))]) -> list[dict]:
        """Scores all rows in one run."""
        (probabilities,) = self._session.run(["probabilities"], {self._name: rows})
        return [{"prediction": int(p >= THRESHOLD), "probability": p} for p in probabilities[:, 1].tolist()]

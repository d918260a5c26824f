"""A Ray Serve deployment around one run of onnxruntime a request, without FastAPI, which would slow it down."""

import os

import numpy as np
import onnxruntime as ort
import ray
from ray import serve
from starlette.requests import Request

THRESHOLD = float(os.environ["THRESHOLD"])


@serve.deployment(num_replicas=1, max_ongoing_requests=1000)
class Scorer:
    """Scores what /predict and /predict/batch take."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self._name = self._session.get_inputs()[0].name

    async def __call__(self, request: Request) -> dict:
        """Scores one row, or many in one run."""
        data = (await request.json())["data"]
        if isinstance(data, dict):
            return self._score([data])[0]
        return {"predictions": self._score(data)}

    def _score(self, applications: list[dict]) -> list[dict]:
        rows = np.array([each["features"] for each in applications], dtype=np.float32)
        (probabilities,) = self._session.run(["probabilities"], {self._name: rows})
        return [{"prediction": int(p >= THRESHOLD), "probability": p} for p in probabilities[:, 1].tolist()]


ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
serve.run(Scorer.bind(), blocking=True)

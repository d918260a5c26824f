"""FastAPI as its tutorial has it: pydantic models, and one run of onnxruntime a request."""

import os

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from pydantic import BaseModel

THRESHOLD = float(os.environ["THRESHOLD"])

options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name


class Application(BaseModel):
    """One row."""

    features: list[float]


class Single(BaseModel):
    """What /predict takes."""

    data: Application


class Batch(BaseModel):
    """What /predict/batch takes."""

    data: list[Application]


class Prediction(BaseModel):
    """The answer for one row."""

    prediction: int
    probability: float


class Predictions(BaseModel):
    """The answers for a batch, in its order."""

    predictions: list[Prediction]


app = FastAPI()


# `async` is the faster kind here: the other would hand each request to a thread, for a call of microseconds.
@app.post("/predict")
async def predict(body: Single) -> Prediction:
    """Scores one row."""
    return score([body.data])[0]


@app.post("/predict/batch")
async def predict_batch(body: Batch) -> Predictions:
    """Scores many rows in one run."""
    return Predictions(predictions=score(body.data))


def score(applications: list[Application]) -> list[Prediction]:
    """Gives the probabilities of default, and what they mean at the threshold."""
    rows = np.array([each.features for each in applications], dtype=np.float32)
    (probabilities,) = session.run(["probabilities"], {name: rows})
    return [Prediction(prediction=int(p >= THRESHOLD), probability=p) for p in probabilities[:, 1].tolist()]

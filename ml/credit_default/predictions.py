"""Scores applications with a model at hand or with a running service, and writes the answers."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import numpy as np

from credit_default import export
from credit_default.applications import Applications
from credit_default.arrays import FloatArray, IntArray
from credit_default.model_directory import SavedModel


@dataclass(frozen=True)
class Predictions:
    """Answers to N applications, in their order.

    Attributes:
        probability: of a default the next month [N].
        predicted: 1 where the probability reached the threshold, else 0; [N].
    """

    probability: FloatArray
    predicted: IntArray


def predict(model: SavedModel, applications: Applications) -> Predictions:
    """Scores with the model in this process."""
    probability = export.score(model.proto, applications.inputs)
    return Predictions(probability, (probability >= model.threshold).astype(np.int64))


def write(predictions: Predictions, ids: list[str] | None, file: TextIO) -> None:
    """Writes CSV: `id` if there are ids, `probability`, `prediction`."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["id", "probability", "prediction"] if ids else ["probability", "prediction"])
    writer.writerows(_rows(predictions, ids))


def _rows(predictions: Predictions, ids: list[str] | None) -> Iterator[list[object]]:
    answers = zip(predictions.probability.tolist(), predictions.predicted.tolist(), strict=True)
    for row, answer in enumerate(answers):
        yield [ids[row], *answer] if ids else [*answer]

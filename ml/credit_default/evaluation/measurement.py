"""Everything that is measured of a model on clients it was not trained on."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from credit_default import export, features, metrics
from credit_default.arrays import FloatArray, IntArray
from credit_default.data import Dataset
from credit_default.evaluation.decisions import Confusion, Group, by_group, confusion
from credit_default.evaluation.explanation import (
    Importance,
    PartialDependence,
    default_rates,
    partial_dependence,
    permutation_importance,
)
from credit_default.evaluation.uncertainty import Estimate, bootstrap, calibration_error_by_chance
from credit_default.model_directory import SavedModel
from credit_default.training import Progress


class HoldoutMismatchError(Exception):
    """The held-out rows of the data are not those that the model left out of its training."""


@dataclass(frozen=True)
class Evaluation:
    """What was measured on N held-out clients.

    Attributes:
        defaulted: outcomes [N].
        probability: forecasts [N].
        measures: those of `metrics.summarise`.
        calibration_error_by_chance: see `uncertainty`.
        threshold: the probability from which the model predicts a default.
        decisions: the predictions at the threshold.
        default_rates: see `explanation`; of the development clients, since the inputs' directions were chosen there.
    """

    defaulted: IntArray
    probability: FloatArray
    measures: dict[str, Estimate]
    calibration_error_by_chance: float
    threshold: float
    decisions: Confusion
    groups: list[Group]
    importances: list[Importance]
    dependences: list[PartialDependence]
    default_rates: dict[str, list[float]]


def check_holdout(model: SavedModel, held_out: Dataset) -> None:
    """Raises `HoldoutMismatchError` unless `held_out` is the hold-out that the model's metadata names."""
    recorded = model.metadata["holdout"]["sha256"]
    if held_out.sha256 != recorded:
        raise HoldoutMismatchError(
            f"The hold-out of {held_out.source.name} has SHA-256 {held_out.sha256}, the model's has {recorded}: "
            "the model may have been trained on these clients, which would flatter it. "
            "Pass the data it was trained with, or --other-data if you know that it never saw these clients."
        )


def measure(model: SavedModel, dataset: Dataset, *, progress: Progress = print) -> Evaluation:
    """Measures the model on the hold-out of the data; the same model and data give the same figures."""
    scorer = partial(export.score, model.proto)
    development, held_out = dataset.development(), dataset.held_out()
    inputs, defaulted = features.compute(held_out.clients), held_out.defaulted
    probability = scorer(inputs)
    predicted = (probability >= model.threshold).astype(np.int64)

    progress(f"Measuring on {len(held_out)} held-out clients, with bootstrap intervals")
    measures = bootstrap(metrics.summarise, defaulted, probability)
    by_chance = calibration_error_by_chance(probability)
    progress("Shuffling each input for its importance")
    importances = permutation_importance(scorer, inputs, defaulted)
    progress("Varying each input for the partial dependence")
    return Evaluation(
        defaulted=defaulted,
        probability=probability,
        measures=measures,
        calibration_error_by_chance=by_chance,
        threshold=model.threshold,
        decisions=confusion(defaulted, predicted),
        groups=by_group(held_out.clients, defaulted, predicted),
        importances=importances,
        dependences=partial_dependence(scorer, inputs),
        default_rates=default_rates(features.compute(development.clients), development.defaulted),
    )

"""The knowledge that rides with the model, for the service that will answer with it: docs/model-contract.md."""

from typing import Any, Final

import lightgbm as lgb
import numpy as np

from credit_default import data
from credit_default.arrays import Float32Array, FloatArray
from credit_default.data import Dataset
from credit_default.features import FEATURES, NAMES

# Under which the model is registered, and by which the service calls it when it serves the directory itself.
MODEL_NAME: Final = "credit-default-model"
KNOWN_ROW_TOLERANCE: Final = 1e-5
_KNOWN_QUANTILES = 24
_HISTOGRAM_BINS = 10
_CATEGORIES = 20


def describe(
    dataset: Dataset,
    *,
    booster: lgb.Booster,
    inputs: Float32Array,
    threshold: float,
    training_metrics: dict[str, float],
) -> dict[str, Any]:
    """The metadata block of a model, made of plain numbers, strings, lists and dicts only.

    Args:
        dataset: all rows, hold-out included.
        booster: the model.
        inputs: what it was fitted on [N, 10].
        threshold: the probability from which it predicts a default.
        training_metrics: any measures, by name.
    """
    held_out = dataset.held_out()
    probability = np.asarray(booster.predict(inputs))
    known = known_inputs(inputs, probability)
    return {
        "name": MODEL_NAME,
        "feature_names": list(NAMES),
        "feature_descriptions": {feature.name: feature.description for feature in FEATURES},
        "feature_ranges": {feature.name: [feature.minimum, feature.maximum] for feature in FEATURES},
        "nullable_features": [feature.name for feature in FEATURES if feature.nullable],
        "threshold": threshold,
        "known_rows": {
            "inputs": [[None if np.isnan(value) else float(value) for value in row] for row in known],
            "probabilities": [float(p) for p in np.asarray(booster.predict(known))],
            "tolerance": KNOWN_ROW_TOLERANCE,
        },
        "training_metrics": training_metrics,
        "reference": {
            "features": {
                name: histogram(values) | {"missing": int(np.isnan(values).sum())}
                for name, values in zip(NAMES, inputs.T.astype(np.float64), strict=True)
            },
            "score": histogram(probability),
        },
        "holdout": {"rule": data.HOLDOUT_RULE, "rows": len(held_out), "sha256": held_out.sha256},
        "dataset": {
            "name": dataset.source.name,
            "doi": dataset.source.doi,
            "licence": dataset.source.licence,
            "rows": len(dataset),
            "sha256": dataset.sha256,
        },
    }


def known_inputs(inputs: Float32Array, probability: FloatArray) -> Float32Array:
    """Rows [M, 10], M >= 32, on which a copy of the model can be tried.

    All zeros, rows spread over the scores, the rows where each input is smallest and largest, and such rows again
    with each nullable input missing.
    """
    spread = np.argsort(probability, kind="stable")[np.linspace(0, len(inputs) - 1, _KNOWN_QUANTILES).astype(int)]
    smallest, largest = np.nanargmin(inputs, axis=0), np.nanargmax(inputs, axis=0)
    chosen = inputs[np.concatenate([spread, smallest, largest])]

    without = [chosen[:_KNOWN_QUANTILES:4].copy() for feature in FEATURES if feature.nullable]
    for rows, column in zip(without, np.flatnonzero([feature.nullable for feature in FEATURES]), strict=True):
        rows[:, column] = np.nan
    zeros = np.zeros((1, inputs.shape[1]), dtype=np.float32)
    return _distinct(np.concatenate([zeros, chosen, *without]))


def histogram(values: FloatArray) -> dict[str, list[float] | list[int]]:
    """Counts of values [N] between edges [k + 1], missing values left out.

    One bin for each value where there are few, else ten of about equal count; the last bin holds its upper edge.
    """
    present = values[~np.isnan(values)]
    distinct = np.unique(present)
    if len(distinct) <= _CATEGORIES:
        between = (distinct[:-1] + distinct[1:]) / 2
        edges = np.concatenate([distinct[:1] - 0.5, between, distinct[-1:] + 0.5])
    else:
        edges = np.unique(np.quantile(present, np.linspace(0, 1, _HISTOGRAM_BINS + 1)))
    counts, _ = np.histogram(present, edges)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _distinct(rows: Float32Array) -> Float32Array:
    _, first = np.unique(rows, axis=0, return_index=True)
    return rows[np.sort(first)]

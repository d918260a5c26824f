"""Tries a version against the one that is live, on clients that neither was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from credit_default import export, features, metrics
from credit_default.arrays import Float32Array
from credit_default.data import Dataset
from credit_default.evaluation import uncertainty
from credit_default.features import FEATURES, NAMES
from credit_default.model_directory import SavedModel
from credit_default.registry import acceptance, eligibility
from credit_default.registry.acceptance import Condition
from credit_default.registry.contender import Contender, PromotionRefusedError
from credit_default.training import Progress


@dataclass(frozen=True)
class Comparison:
    """What was measured of a candidate and of the champion, the version that is live.

    Attributes:
        candidate_measures: those of `metrics.summarise`.
        champion_measures: the same, or some of them; empty without a champion.
        parity: largest difference between the candidate's ONNX model and LightGBM on its known rows.
        conditions: what the candidate must fulfil.
    """

    candidate: Contender
    champion: Contender | None
    candidate_measures: dict[str, float]
    champion_measures: dict[str, float]
    parity: float
    conditions: list[Condition]

    @property
    def measures(self) -> dict[str, float]:
        """Everything measured, by a name that says of whom."""
        return {
            **{f"candidate_{name}": value for name, value in self.candidate_measures.items()},
            **{f"champion_{name}": value for name, value in self.champion_measures.items()},
            "candidate_onnx_difference": self.parity,
        }

    def check(self) -> None:
        """Raises `PromotionRefusedError`, naming the conditions that the candidate does not fulfil."""
        missed = [condition.text for condition in self.conditions if not condition.holds]
        if missed:
            raise PromotionRefusedError(f"{self.candidate.label} is not promoted: it misses {'; '.join(missed)}.")

    def __str__(self) -> str:
        columns = {self.candidate.label: self.candidate_measures}
        if self.champion:
            columns[self.champion.label] = self.champion_measures
        lines = [" " * 8 + "".join(f"{label:>14}" for label in columns)]
        for name in self.candidate_measures:
            cells = [f"{measures[name]:14.4f}" if name in measures else f"{'-':>14}" for measures in columns.values()]
            lines.append(f"{name:8}" + "".join(cells))
        lines += [f"{'holds ' if condition.holds else 'missed'}  {condition.text}" for condition in self.conditions]
        return "\n".join(lines)


def compare(
    candidate: Contender,
    champion: Contender | None,
    dataset: Dataset,
    *,
    new_clients: Dataset | None = None,
    allow_signature_change: bool = False,
    progress: Progress = print,
) -> Comparison:
    """Measures both on the hold-out of the data, or on `new_clients` if given.

    Raises:
        PromotionRefusedError: see `eligibility`; or the champion cannot be measured.
    """
    eligibility.check_candidate(candidate, dataset)
    if champion and not allow_signature_change:
        eligibility.check_same_inputs(candidate, champion)
    if champion and not new_clients:
        eligibility.check_same_holdout(champion, dataset)
    if new_clients:
        for contender in filter(None, (candidate, champion)):
            eligibility.check_new(new_clients, dataset, contender, progress)

    clients = new_clients or dataset.held_out()
    probability = export.score(candidate.model.proto, features.compute(clients.clients))
    measures = metrics.summarise(clients.defaulted, probability)
    champion_measures = _measure_champion(champion, clients, fixed=new_clients is None) if champion else {}
    parity = _difference_on_known_rows(candidate.model)
    by_chance = uncertainty.calibration_error_by_chance(probability)
    conditions = acceptance.conditions(measures, parity, champion_measures.get("auc"), by_chance)
    return Comparison(candidate, champion, measures, champion_measures, parity, conditions)


def _measure_champion(champion: Contender, clients: Dataset, *, fixed: bool) -> dict[str, float]:
    inputs = _inputs_of(champion.model, clients)
    if inputs is not None:
        return metrics.summarise(clients.defaulted, export.score(champion.model.proto, inputs))
    # What it takes is no longer computed here, but it says how it did on these very clients.
    recorded = _recorded_on_holdout(champion.model.metadata)
    if fixed and "auc" in recorded:
        return recorded
    raise PromotionRefusedError(
        f"The live {champion.label} takes inputs that ml/credit_default/features.py does not compute, so it cannot be "
        "measured here. Compare the two by other means, then move the alias in MLflow."
    )


def _inputs_of(model: SavedModel, clients: Dataset) -> Float32Array | None:
    """The model's inputs [N, d]; None unless each has a name and a formula of today."""
    today = {feature.name: feature.description for feature in FEATURES}
    described: Mapping[str, str] = model.metadata.get("feature_descriptions", {})
    names = model.input_names
    if not names or any(today.get(name) != described.get(name, "") for name in names):
        return None
    return features.compute(clients.clients)[:, [NAMES.index(name) for name in names]]


def _recorded_on_holdout(metadata: Mapping[str, Any]) -> dict[str, float]:
    prefix = "holdout_"
    recorded: Mapping[str, float] = metadata.get("training_metrics", {})
    return {name.removeprefix(prefix): value for name, value in recorded.items() if name.startswith(prefix)}


def _difference_on_known_rows(model: SavedModel) -> float:
    known = model.metadata["known_rows"]
    inputs = np.array(known["inputs"], dtype=np.float32)  # None becomes NaN
    return float(np.max(np.abs(export.score(model.proto, inputs) - np.array(known["probabilities"]))))

"""Whether two versions may be compared at all: fairly, and without a surprise for the service's clients."""

from typing import Final

from credit_default.data import Dataset
from credit_default.features import NAMES
from credit_default.registry.contender import Contender, PromotionRefusedError
from credit_default.training import Progress

_NEEDED_METADATA: Final = ("holdout", "known_rows", "threshold", "training_metrics")


def check_candidate(candidate: Contender, dataset: Dataset) -> None:
    """Raises `PromotionRefusedError` unless the candidate can be measured here, on a hold-out that it never saw."""
    model = candidate.model
    if model.input_names != list(NAMES):
        raise PromotionRefusedError(
            f"{candidate.label} takes other inputs than ml/credit_default/features.py computes. "
            "Compare it with the code that trained it."
        )
    lacking = [key for key in _NEEDED_METADATA if key not in model.metadata]
    if lacking:
        raise PromotionRefusedError(f"{candidate.label} does not tell its {', '.join(lacking)}. Train it anew.")
    if model.metadata["holdout"]["sha256"] != dataset.held_out().sha256:
        raise PromotionRefusedError(
            f"The hold-out of {dataset.source.name} is not the one that {candidate.label} left out of its training. "
            "Pass the data it was trained with as --data."
        )


def check_same_inputs(candidate: Contender, champion: Contender) -> None:
    """Raises `PromotionRefusedError` unless both take inputs of the same names in the same order."""
    old, new = champion.model.input_names, candidate.model.input_names
    if old != new:
        raise PromotionRefusedError(
            f"{candidate.label} takes other inputs than the live {champion.label}: {_list(new)} "
            f"instead of {_list(old)}. If the service's clients are ready for that, pass --allow-signature-change."
        )


def check_same_holdout(champion: Contender, dataset: Dataset) -> None:
    """Raises `PromotionRefusedError` unless the champion, too, never saw the hold-out."""
    if champion.model.metadata.get("holdout", {}).get("sha256") != dataset.held_out().sha256:
        raise PromotionRefusedError(
            f"The live {champion.label} was trained with another hold-out, so it may know the clients of this one. "
            "Pass --holdout FILE with clients that are new to both versions."
        )


def check_new(clients: Dataset, dataset: Dataset, contender: Contender, progress: Progress) -> None:
    """Raises `PromotionRefusedError` if the data has any of the clients; warns if the contender saw other data."""
    known = len(clients.clients.merge(dataset.clients))
    if known:
        raise PromotionRefusedError(
            f"{known} of the {len(clients)} clients of {clients.source.name} are in {dataset.source.name} too. "
            "Pass --holdout FILE with clients that are new to both versions."
        )
    if contender.model.metadata.get("dataset", {}).get("sha256") != dataset.sha256:
        progress(
            f"warning: {contender.label} was trained on data other than {dataset.source.name}; that the clients of "
            f"{clients.source.name} are new to it is taken on trust."
        )


def _list(names: list[str] | None) -> str:
    return ", ".join(names) if names else "unnamed ones"

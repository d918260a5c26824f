from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from mlflow.entities.model_registry import ModelVersion

from credit_default import export, features, metadata, metrics, training
from credit_default.data import Dataset
from credit_default.features import NAMES
from credit_default.model_directory import SavedModel
from credit_default.registry import comparison
from credit_default.registry.contender import Contender, PromotionRefusedError
from tests.conftest import Fitted
from tests.factories import make_dataset

pytestmark = pytest.mark.usefixtures("low_bars")

RENAMED: dict[str, Any] = {
    "feature_names": [*NAMES[:-1], "shoe_size"],
    "feature_descriptions": {"shoe_size": "size of a shoe (EU)"},
}
OTHER_HOLDOUT: dict[str, Any] = {"holdout": {"sha256": "another"}}
NEW_CLIENTS = make_dataset(400)
NEW_CLIENTS.clients["ID"] += 1_000_000


def contender(
    fitted: Fitted, number: str = "1", *, booster: lgb.Booster | None = None, **described: object
) -> Contender:
    """A version of the fitted model, or of another, with other metadata where that is given."""
    booster = booster or fitted.booster
    description = metadata.describe(
        fitted.dataset, booster=booster, inputs=fitted.inputs, threshold=0.2, training_metrics={}
    )
    version = ModelVersion("model", number, creation_timestamp=0, run_id="run")
    return Contender(version, SavedModel(export.to_onnx(booster), "", description | described))


def worse(fitted: Fitted) -> lgb.Booster:
    """A model of outcomes that have nothing to do with the clients."""
    outcomes = np.random.default_rng(1).permutation(fitted.dataset.development().defaulted)
    return training.fit(fitted.inputs, outcomes)


def refusal(
    fitted: Fitted,
    candidate: Contender,
    champion: Contender | None,
    *,
    new_clients: Dataset | None = None,
    allow_signature_change: bool = False,
) -> str:
    with pytest.raises(PromotionRefusedError) as refused:
        comparison.compare(
            candidate,
            champion,
            fitted.dataset,
            new_clients=new_clients,
            allow_signature_change=allow_signature_change,
        )
    return str(refused.value)


def test_measures_both_on_the_hold_out(fitted: Fitted) -> None:
    compared = comparison.compare(contender(fitted, "2"), contender(fitted), fitted.dataset)

    held_out = fitted.dataset.held_out()
    probability = export.score(fitted.model, features.compute(held_out.clients))
    expected = metrics.summarise(held_out.defaulted, probability)
    assert compared.candidate_measures == compared.champion_measures == expected
    assert 0 < compared.parity <= export.PARITY_TOLERANCE
    assert compared.measures["candidate_auc"] == compared.measures["champion_auc"] == expected["auc"]
    compared.check()


def test_refuses_a_worse_version_with_both_figures(fitted: Fitted) -> None:
    compared = comparison.compare(contender(fitted, "2", booster=worse(fitted)), contender(fitted), fitted.dataset)

    champion_auc = compared.measures["champion_auc"]
    with pytest.raises(PromotionRefusedError, match=rf"version 2 .* misses AUC 0\.\d+ >= {champion_auc - 0.002:.4f}"):
        compared.check()
    table = str(compared)
    assert table.splitlines()[0].split() == ["version", "2", "version", "1"]
    assert f"{champion_auc:.4f}" in table
    assert "missed  AUC" in table


def test_the_first_version_needs_to_clear_the_bars_only(fitted: Fitted) -> None:
    compared = comparison.compare(contender(fitted), None, fitted.dataset)

    compared.check()
    assert compared.champion_measures == {}
    assert "the bar" in compared.conditions[0].text


def test_refuses_onnx_that_is_not_what_lightgbm_gave(fitted: Fitted) -> None:
    candidate = contender(fitted)
    candidate.model.metadata["known_rows"]["probabilities"][5] += 1e-5

    with pytest.raises(PromotionRefusedError, match=r"misses ONNX 1\.0e-05 <= 1e-06"):
        comparison.compare(candidate, None, fitted.dataset).check()


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (RENAMED, "takes other inputs than ml/credit_default/features.py computes"),
        (OTHER_HOLDOUT, "is not the one that version 1 left out of its training"),
    ],
    ids=["of other inputs", "of another hold-out"],
)
def test_refuses_a_candidate(fitted: Fitted, described: dict[str, Any], message: str) -> None:
    assert message in refusal(fitted, contender(fitted, **described), None)


def test_refuses_a_candidate_that_does_not_tell_enough(fitted: Fitted) -> None:
    candidate = contender(fitted)
    del candidate.model.metadata["known_rows"]

    assert "does not tell its known_rows" in refusal(fitted, candidate, None)


@pytest.mark.parametrize("described", [OTHER_HOLDOUT, {"holdout": {}}], ids=["another", "none"])
def test_refuses_the_hold_out_of_a_champion_that_has(fitted: Fitted, described: dict[str, Any]) -> None:
    champion = contender(fitted, **described)

    assert "Pass --holdout FILE with clients that are new to both" in refusal(fitted, contender(fitted, "2"), champion)


def test_compares_on_clients_that_are_new_to_both(fitted: Fitted) -> None:
    said: list[str] = []
    champion = contender(fitted, **OTHER_HOLDOUT, dataset={"sha256": "another"})
    compared = comparison.compare(
        contender(fitted, "2"), champion, fitted.dataset, new_clients=NEW_CLIENTS, progress=said.append
    )

    probability = export.score(fitted.model, features.compute(NEW_CLIENTS.clients))
    assert compared.champion_measures == metrics.summarise(NEW_CLIENTS.defaulted, probability)
    [warning] = said
    assert "version 1 was trained on data other than made up" in warning
    assert "taken on trust" in warning


def test_refuses_new_clients_that_are_not_new(fitted: Fitted) -> None:
    message = refusal(fitted, contender(fitted, "2"), contender(fitted), new_clients=fitted.dataset.held_out())

    assert f"{len(fitted.dataset.held_out())} of the" in message


def test_refuses_other_inputs_unless_they_are_allowed(fitted: Fitted) -> None:
    champion = contender(fitted, **RENAMED, training_metrics={"holdout_auc": 0.6})

    message = refusal(fitted, contender(fitted, "2"), champion)
    assert "share_paid instead of credit_limit" in message
    assert "pass --allow-signature-change" in message
    comparison.compare(contender(fitted, "2"), champion, fitted.dataset, allow_signature_change=True).check()


def test_measures_a_champion_that_takes_the_inputs_in_another_order(fitted: Fitted) -> None:
    booster = training.fit(fitted.inputs[:, ::-1], fitted.dataset.development().defaulted, monotone=False)
    champion = contender(fitted, booster=booster, feature_names=list(reversed(NAMES)))
    compared = comparison.compare(contender(fitted, "2"), champion, fitted.dataset, allow_signature_change=True)

    held_out = fitted.dataset.held_out()
    probability = export.score(champion.model.proto, features.compute(held_out.clients)[:, ::-1])
    assert compared.champion_measures == metrics.summarise(held_out.defaulted, probability)


@pytest.mark.parametrize("described", [RENAMED, {"feature_descriptions": {}}], ids=["names", "formulas"])
def test_takes_the_recorded_figure_of_a_champion_whose_inputs_are_no_longer_computed(
    fitted: Fitted, described: dict[str, Any]
) -> None:
    champion = contender(fitted, **described, training_metrics={"holdout_auc": 0.99, "auc": 0.5})
    compared = comparison.compare(contender(fitted, "2"), champion, fitted.dataset, allow_signature_change=True)

    assert compared.champion_measures == {"auc": 0.99}
    with pytest.raises(PromotionRefusedError, match=r"misses AUC .* >= 0\.9880"):
        compared.check()
    assert "0.9900" in str(compared)


def test_refuses_a_champion_of_which_there_is_no_figure(fitted: Fitted) -> None:
    champion = contender(fitted, **RENAMED)

    assert "cannot be measured here" in refusal(fitted, contender(fitted, "2"), champion, allow_signature_change=True)
    champion.model.metadata["training_metrics"]["holdout_auc"] = 0.6  # of other clients than these
    assert "cannot be measured here" in refusal(
        fitted, contender(fitted, "2"), champion, allow_signature_change=True, new_clients=NEW_CLIENTS
    )

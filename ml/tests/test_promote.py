from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

import evaluate
import register
from credit_default import export, metadata, model_directory, training
from credit_default.features import NAMES
from credit_default.registry.versions import Versions
from tests.conftest import Fitted
from tests.factories import make_dataset, write_csv

pytestmark = pytest.mark.usefixtures("low_bars", "few_resamples")

MEASURES = ("auc", "gini", "ks", "brier", "ece")
RECORDED = {prefix + measure: 0.6 for prefix in ("", "unconstrained_", "holdout_") for measure in MEASURES}

Register = Callable[..., None]
Promote = Callable[..., int]


@pytest.fixture
def register_version(fitted: Fitted, model_name: str, tmp_path: Path) -> Register:
    """Registers the fitted model, or one that knows nothing, with other metadata where that is given."""

    def registered(*, worse: bool = False, **described: object) -> None:
        outcomes = fitted.dataset.development().defaulted
        shuffled = np.random.default_rng(1).permutation(outcomes)
        booster = training.fit(fitted.inputs, shuffled) if worse else fitted.booster
        description = metadata.describe(
            fitted.dataset, booster=booster, inputs=fitted.inputs, threshold=0.2, training_metrics=RECORDED
        )
        model_directory.save(export.to_onnx(booster), description | described, tmp_path / "model")
        assert register.main([str(tmp_path / "model")]) == 0

    return registered


@pytest.fixture
def promote(fitted: Fitted, model_name: str, tmp_path: Path) -> Promote:
    data_file = write_csv(fitted.dataset.clients, tmp_path / "clients.csv")
    return lambda *more: evaluate.main(["--promote", "--name", model_name, "--data", str(data_file), *more])


def live(model_name: str) -> int:
    return int(MlflowClient().get_model_version_by_alias(model_name, "production").version)


def tags(model_name: str, number: int) -> set[str]:
    return set(MlflowClient().get_model_version(model_name, str(number)).tags)


def test_goes_live_first_and_with_a_version_as_good_and_logs_why(
    model_name: str, register_version: Register, promote: Promote, capsys: pytest.CaptureFixture[str]
) -> None:
    register_version()
    assert promote() == 0
    register_version()
    assert promote() == 0
    assert promote() == 0

    said = capsys.readouterr().out
    assert "production moved to version 1.\n" in said
    assert "production moved to version 2 from version 1.\n" in said
    assert "production is version 2 already.\n" in said
    assert live(model_name) == 2
    assert tags(model_name, 2) == {"sha256"}
    client = MlflowClient()
    run = client.get_run(client.get_model_version(model_name, "2").run_id or "")
    assert run.info.status == "FINISHED"
    assert run.data.metrics["candidate_auc"] == run.data.metrics["champion_auc"] > 0.5
    logged = {Path(file.path).name for file in client.list_artifacts(run.info.run_id, "evaluation")}
    assert {"comparison.txt", "report.html", "MODEL_CARD.md", "roc.svg"} <= logged


def test_moves_no_alias_to_a_version_that_the_service_must_refuse(
    model_name: str, register_version: Register, promote: Promote, capsys: pytest.CaptureFixture[str]
) -> None:
    register_version()
    MlflowClient().set_model_version_tag(model_name, "1", "default_class", "bad")

    assert promote() == 1
    assert "error: The tag default_class is none of the model's classes" in capsys.readouterr().err
    assert Versions(model_name).at_alias("production") is None


def test_refuses_a_worse_version_and_goes_back_to_a_named_one(
    model_name: str, register_version: Register, promote: Promote, capsys: pytest.CaptureFixture[str]
) -> None:
    register_version()
    assert promote() == 0
    register_version(worse=True)
    assert promote() == 1
    assert "error: version 2 is not promoted: it misses AUC 0." in capsys.readouterr().err
    assert live(model_name) == 1
    client = MlflowClient()
    run = client.get_run(client.get_model_version(model_name, "2").run_id or "")
    assert run.data.metrics["candidate_auc"] < run.data.metrics["champion_auc"]

    client.set_registered_model_alias(model_name, "production", "2")
    assert promote("--version", "1") == 0
    assert live(model_name) == 1


def test_asks_for_new_clients_where_the_champion_has_another_hold_out(
    model_name: str,
    register_version: Register,
    promote: Promote,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    register_version(holdout={"rule": "another", "rows": 1, "sha256": "another"})
    MlflowClient().set_registered_model_alias(model_name, "production", "1")
    register_version()

    assert promote() == 1
    assert "error: The live version 1 was trained with another hold-out" in capsys.readouterr().err
    assert live(model_name) == 1

    new_clients = make_dataset(400).clients
    new_clients["ID"] += 1_000_000
    assert promote("--holdout", str(write_csv(new_clients, tmp_path / "new.csv"))) == 0
    assert live(model_name) == 2


def test_changes_the_inputs_only_when_asked_to_and_then_tells_the_service(
    model_name: str, register_version: Register, promote: Promote, capsys: pytest.CaptureFixture[str]
) -> None:
    register_version(feature_names=[*NAMES[1:], NAMES[0]])
    MlflowClient().set_registered_model_alias(model_name, "production", "1")
    register_version()

    assert promote() == 1
    assert "pass --allow-signature-change" in capsys.readouterr().err
    assert (live(model_name), tags(model_name, 2)) == (1, {"sha256"})

    assert promote("--allow-signature-change") == 0
    assert (live(model_name), tags(model_name, 2)) == (2, {"sha256", "allow_signature_change"})


def test_says_that_there_is_nothing_to_promote(
    model_name: str, promote: Promote, capsys: pytest.CaptureFixture[str]
) -> None:
    assert promote() == 1
    assert f"error: {model_name} has no versions yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [["--version", "2"], ["--allow-signature-change"], ["--promote", "--model", "ml/other"]],
    ids=lambda options: options[-1],
)
def test_refuses_options_that_would_be_ignored(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        evaluate.main(options)
    assert "go with --promote" in capsys.readouterr().err

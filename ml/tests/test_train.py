from pathlib import Path

import mlflow.pyfunc
import pytest
from mlflow import MlflowClient

import train
from credit_default import commands, model_directory, training, tuning
from credit_default.registry import manifest
from tests.factories import make_clients, make_dataset, write_csv


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    return write_csv(make_dataset(600).clients, tmp_path / "clients.csv")


@pytest.mark.usefixtures("low_bars")
def test_writes_byte_identical_models_from_the_same_data(data_file: Path, tmp_path: Path) -> None:
    directories = [tmp_path / "first", tmp_path / "second"]

    statuses = [train.main(["--data", str(data_file), "--out", str(out)]) for out in directories]
    first, second = ((out / "model.onnx").read_bytes() for out in directories)

    assert statuses == [0, 0]
    assert first == second


@pytest.mark.usefixtures("low_bars")
def test_records_what_was_measured_with_the_model(
    data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(["--data", str(data_file), "--out", str(tmp_path / "model")]) == 0

    recorded = model_directory.read(tmp_path / "model").metadata
    measures = {"auc", "gini", "ks", "brier", "ece"}
    prefixes = ("", "unconstrained_", "holdout_")
    assert recorded["training_metrics"].keys() == {prefix + measure for prefix in prefixes for measure in measures}
    assert f"{'holdout_auc':22} {recorded['training_metrics']['holdout_auc']:.4f}" in capsys.readouterr().out
    assert 0 < recorded["threshold"] < 1
    assert recorded["dataset"]["name"] == "clients.csv"


def test_writes_no_model_when_a_bar_is_missed(
    data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"

    assert train.main(["--data", str(data_file), "--out", str(out)]) == 1
    assert "error: No model was written: the procedure misses auc >= 0.784" in capsys.readouterr().err
    assert not out.exists()


def test_says_what_is_wrong_with_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_csv(make_clients(3).drop(columns="LIMIT_BAL"), tmp_path / "clients.csv")

    assert train.main(["--data", str(path), "--out", str(tmp_path / "model")]) == 1
    assert "error: clients.csv lacks the columns LIMIT_BAL (or X1)." in capsys.readouterr().err


def test_refuses_before_training_to_write_over_other_files(
    data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(["--data", str(data_file), "--out", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "holds other files" in captured.err
    assert "fold" not in captured.err


def test_tuning_prints_parameters_and_writes_no_model(
    data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "search", lambda inputs, defaulted, progress: {"num_leaves": len(defaulted)})

    assert train.main(["--data", str(data_file), "--out", str(tmp_path / "model"), "--tune"]) == 0
    development = len(make_dataset(600).development())
    assert f'"num_leaves": {development},' in capsys.readouterr().out
    assert not (tmp_path / "model").exists()


@pytest.mark.usefixtures("low_bars", "few_resamples")
def test_logs_and_registers_the_model_where_there_is_an_mlflow(
    data_file: Path, model_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    assert train.main(["--data", str(data_file), "--out", str(out)]) == 0
    assert f"Next: {commands.promotion(model_name, '1', data_file)}\n" in capsys.readouterr().out

    client = MlflowClient()
    version = client.get_model_version(model_name, "1")
    run = client.get_run(version.run_id or "")
    described = model_directory.read(out).metadata
    assert version.tags == {"sha256": manifest.digest(out)}
    assert run.info.status == "FINISHED"
    assert run.data.params["dataset_sha256"] == described["dataset"]["sha256"]
    assert run.data.params["holdout_sha256"] == described["holdout"]["sha256"]
    assert run.data.params["num_leaves"] == str(training.TUNED["num_leaves"])
    assert run.data.metrics == pytest.approx(described["training_metrics"])
    assert {file.path for file in client.list_artifacts(run.info.run_id, "evaluation")} == {
        f"evaluation/{name}"
        for name in (
            "MODEL_CARD.md",
            "importance.svg",
            "partial_dependence.svg",
            "reliability.svg",
            "report.html",
            "roc.svg",
            "score_distribution.svg",
        )
    }
    loaded = mlflow.pyfunc.load_model(f"models:/{model_name}/1")
    assert loaded.metadata.metadata["credit_default"]["name"] == model_name
    assert loaded.metadata.get_input_schema().inputs[0].shape == (-1, 10)


def test_a_run_that_wrote_no_model_is_logged_as_failed(data_file: Path, model_name: str, tmp_path: Path) -> None:
    assert train.main(["--data", str(data_file), "--out", str(tmp_path / "model")]) == 1

    client = MlflowClient()
    experiment = client.get_experiment_by_name(model_name)
    assert experiment
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["FAILED"]
    assert not client.search_model_versions(f"name = '{model_name}'")


def test_does_not_train_for_an_mlflow_that_does_not_answer(
    data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # the discard port, where nobody listens
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    assert train.main(["--data", str(data_file), "--out", str(tmp_path / "model")]) == 1
    captured = capsys.readouterr()
    assert "error: Cannot start a run in MLflow: API request to http://127.0.0.1:9" in captured.err
    assert "fold" not in captured.err
    assert not (tmp_path / "model").exists()

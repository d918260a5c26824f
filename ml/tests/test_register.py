import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

import register
from credit_default import commands, metadata, model_directory
from credit_default.registry import manifest, versions
from credit_default.registry.errors import RegistryError
from credit_default.registry.versions import Versions
from tests.conftest import Fitted

EXPORTERS = Path(__file__).parents[2] / "test" / "fixtures" / "exporters"


@pytest.fixture
def directory(fitted: Fitted, model_name: str, tmp_path: Path) -> Path:
    measured = {"auc": 0.78, "holdout_auc": 0.79}
    description = metadata.describe(
        fitted.dataset, booster=fitted.booster, inputs=fitted.inputs, threshold=0.2, training_metrics=measured
    )
    assert description["name"] == model_name
    model_directory.save(fitted.model, description, tmp_path / "model")
    return tmp_path / "model"


def model_id(version: ModelVersion) -> str:
    assert version.source
    return version.source.removeprefix("models:/")


def test_registers_the_very_files_with_their_digest_and_history(
    directory: Path, model_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main([str(directory)]) == 0
    assert f"Next: {commands.promotion(model_name, '1', None)}\n" in capsys.readouterr().out

    version = Versions(model_name).newest()
    model = Versions(model_name).fetch(version)
    run = MlflowClient().get_run(version.run_id or "")
    assert version.tags == {"sha256": manifest.digest(directory)}
    assert model == model_directory.read(directory)
    assert run.data.metrics == {"auc": 0.78, "holdout_auc": 0.79}
    assert run.data.params["dataset_sha256"] == model.metadata["dataset"]["sha256"]
    assert run.outputs
    assert [output.model_id for output in run.outputs.model_outputs] == [model_id(version)]


def test_registers_the_same_files_once(directory: Path, model_name: str, capsys: pytest.CaptureFixture[str]) -> None:
    statuses = [register.main([str(directory)]) for _ in range(2)]

    assert statuses == [0, 0]
    assert f"{directory} is already version 1 of {model_name}." in capsys.readouterr().out
    assert str(Versions(model_name).newest().version) == "1"


def test_points_an_alias_only_where_it_points_nowhere(
    directory: Path, model_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main([str(directory), "--alias", "production"]) == 0
    assert register.main([str(directory), "--alias", "production"]) == 0
    (directory / "notes.txt").write_text("another version")
    assert register.main([str(directory), "--alias", "production"]) == 0

    said = capsys.readouterr().out
    assert "production is version 1.\n" in said
    assert "production is version 1 already.\n" in said
    assert f"production stays at version 1. To move it: {commands.promotion(model_name, '2', None)}\n" in said
    assert str(MlflowClient().get_model_version_by_alias(model_name, "production").version) == "1"


def test_registers_the_first_version_alone_when_asked(
    directory: Path, model_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main([str(directory), "--alias", "production", "--if-none"]) == 0
    MlflowClient().delete_registered_model_alias(model_name, "production")
    (directory / "notes.txt").write_text("another version")
    assert register.main([str(directory), "--alias", "production", "--if-none"]) == 0

    assert f"{model_name} has versions already: nothing is registered.\n" in capsys.readouterr().out
    assert str(Versions(model_name).newest().version) == "1"
    assert Versions(model_name).at_alias("production") is None


def test_registers_under_the_name_it_is_given(directory: Path, model_name: str) -> None:
    other = f"{model_name}-other"
    assert register.main([str(directory), "--name", other]) == 0

    assert str(Versions(other).newest().version) == "1"
    MlflowClient().delete_registered_model(other)


def exported(graph: str, directory: Path, **metadata: object) -> Path:
    """A model of another library, as its exporter wrote it."""
    directory.mkdir()
    shutil.copy(EXPORTERS / "graphs" / f"{graph}.onnx", directory / "model.onnx")
    mlmodel = {"flavors": {"onnx": {"data": "model.onnx"}}, "metadata": {"credit_default": metadata}}
    (directory / "MLmodel").write_text(json.dumps(mlmodel))
    return directory


def test_registers_nothing_that_the_service_must_refuse(
    model_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = exported("lightgbm-onnxmltools-strings-complete", tmp_path / "bad-good", name=model_name)

    assert register.main([str(directory), "--alias", "production"]) == 1
    assert 'error: The model\'s classes are "bad", "good", and nothing says which' in capsys.readouterr().err
    assert not Versions(model_name).exist()


def test_names_no_comparison_that_cannot_be_made(
    model_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = exported("xgboost-onnxmltools-0-and-1-complete", tmp_path / "other-inputs", name=model_name)

    assert register.main([str(directory)]) == 0
    assert "Next: compare version 1 with the live one yourself" in capsys.readouterr().out


def test_tags_the_version_with_the_class_that_means_default(
    model_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = exported("lightgbm-onnxmltools-strings-complete", tmp_path / "bad-good", name=model_name)
    command = [str(directory), "--alias", "production", "--default-class"]

    assert register.main([*command, "evil"]) == 1
    assert "The tag default_class is none of the model's classes" in capsys.readouterr().err
    assert register.main([*command, "good"]) == 0
    assert Versions(model_name).newest().tags["default_class"] == "good"
    # The same files with another word on them are the same version.
    assert register.main([*command, "bad"]) == 0
    version = Versions(model_name).newest()
    assert (str(version.version), version.tags["default_class"]) == ("1", "bad")
    assert "The default class is bad, by its tag.\n" in capsys.readouterr().out


def test_asks_for_a_name_where_the_model_has_none(
    model_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = exported("xgboost-onnxmltools-0-and-1-complete", tmp_path / "unnamed")

    assert register.main([str(directory)]) == 1
    assert "does not say what it is called. Pass --name NAME" in capsys.readouterr().err
    monkeypatch.setenv("MAKELEVEL", "1")
    assert register.main([str(directory)]) == 1
    assert "does not say what it is called. Pass NAME=NAME" in capsys.readouterr().err
    assert not Versions(model_name).exist()


def test_registers_nothing_that_the_store_does_not_give_back_unharmed(
    directory: Path, model_name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    download = versions._download

    def flip_a_bit(uri: str, folder: str) -> Path:
        downloaded = download(uri, folder)
        content = bytearray((downloaded / "model.onnx").read_bytes())
        content[100] ^= 1
        (downloaded / "model.onnx").write_bytes(content)
        return downloaded

    monkeypatch.setattr(versions, "_download", flip_a_bit)
    assert register.main([str(directory)]) == 1
    assert "error: The artifact store gave back other files than it was given" in capsys.readouterr().err
    with pytest.raises(RegistryError, match="has no versions yet"):
        Versions(model_name).newest()


def test_refuses_files_that_were_changed_in_the_store(directory: Path, model_name: str) -> None:
    assert register.main([str(directory)]) == 0
    client = MlflowClient()
    version = Versions(model_name).newest()
    (directory / "input_example.json").write_text("[]")
    client.log_model_artifacts(model_id(version), str(directory))

    with pytest.raises(RegistryError, match=r"damaged or changed in the store\. Register the model again"):
        Versions(model_name).fetch(version)


def test_refuses_a_version_that_nobody_vouches_for(directory: Path, model_name: str) -> None:
    assert register.main([str(directory)]) == 0
    MlflowClient().delete_model_version_tag(model_name, "1", "sha256")

    with pytest.raises(RegistryError, match="has no sha256 tag"):
        Versions(model_name).fetch(Versions(model_name).newest())


def test_does_not_move_an_alias_that_somebody_else_moved(directory: Path, model_name: str) -> None:
    assert register.main([str(directory), "--alias", "production"]) == 0
    registered = Versions(model_name)

    with pytest.raises(RegistryError, match="has been moved in the meantime"):
        registered.move_alias("production", registered.newest(), expected=None)


def test_needs_a_server_and_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert register.main([]) == 1
    assert "error: Set MLFLOW_TRACKING_URI to the address of the MLflow server" in capsys.readouterr().err

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert register.main([str(tmp_path)]) == 1
    assert "holds no model" in capsys.readouterr().err


def test_asks_for_onnx_of_a_model_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {sklearn: {}}")

    with pytest.raises(model_directory.UnusableModelError, match=r"no model\.onnx"):
        model_directory.read(tmp_path)

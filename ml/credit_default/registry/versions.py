"""The versions of one registered model, each named by the digest of its files."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import mlflow.artifacts
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from credit_default import contract, model_directory
from credit_default.model_directory import SavedModel
from credit_default.registry import manifest
from credit_default.registry.errors import RegistryError, explained

PRODUCTION: Final = "production"
DIGEST_TAG: Final = "sha256"
# The service takes a version whose inputs are not the live one's only with this tag.
ALLOW_SIGNATURE_CHANGE_TAG: Final = "allow_signature_change"

_LOGGED_MODEL_NAME = "model"


class Versions:
    """The versions of the registered model `name`; every method raises `RegistryError`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._client = MlflowClient()

    def get(self, number: str) -> ModelVersion:
        """The version of that number."""
        with explained(f"find version {number} of {self.name}"):
            return self._client.get_model_version(self.name, number)

    def exist(self) -> bool:
        """Whether there is any."""
        return bool(self._search())

    def newest(self) -> ModelVersion:
        """The version registered last."""
        versions = self._search()
        if not versions:
            raise RegistryError(f"{self.name} has no versions yet. Register one with ml/register.py or ml/train.py.")
        return versions[0]

    def of_digest(self, digest: str) -> ModelVersion | None:
        """The newest version that is tagged with the digest, if there is any."""
        return next((version for version in self._search() if version.tags.get(DIGEST_TAG) == digest), None)

    def at_alias(self, alias: str) -> ModelVersion | None:
        """The version that the alias points at, if there is any."""
        with explained(f"look up {self.name}@{alias}"):
            try:
                number = self._client.get_registered_model(self.name).aliases.get(alias)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise
        return self.get(number) if number else None

    def move_alias(self, alias: str, version: ModelVersion, *, expected: ModelVersion | None) -> None:
        """Points the alias at the version, unless it has been moved since it pointed at the expected one.

        A service that follows the alias goes live with the version.
        """
        present = self.at_alias(alias)
        if (present and present.version) != (expected and expected.version):
            raise RegistryError(f"{self.name}@{alias} has been moved in the meantime and is left alone. Try again.")
        with explained(f"point {alias} at version {version.version} of {self.name}"):
            self._client.set_registered_model_alias(self.name, alias, version.version)

    def allow_signature_change(self, version: ModelVersion) -> None:
        """Lets the version go live although its inputs are not the live one's."""
        self.tag(version, {ALLOW_SIGNATURE_CHANGE_TAG: "true"})

    def tag(self, version: ModelVersion, tags: Mapping[str, str]) -> None:
        """Sets tags on the version."""
        with explained(f"tag version {version.version} of {self.name}"):
            for key, value in tags.items():
                self._client.set_model_version_tag(self.name, version.version, key, value)

    def register(self, directory: Path, run_id: str, tags: Mapping[str, str] | None = None) -> ModelVersion:
        """Uploads a model directory as the run's model and registers it, tagged with its digest and as given.

        The version exists only once the store has given back what it was given.
        """
        digest = manifest.digest(directory)
        model_id = self._upload(directory, run_id, digest)
        with explained(f"register a version of {self.name}"):
            try:
                self._client.create_registered_model(self.name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            return self._client.create_model_version(
                self.name,
                source=f"models:/{model_id}",
                run_id=run_id,
                tags={**(tags or {}), DIGEST_TAG: digest},
                await_creation_for=0,
                model_id=model_id,
            )

    def fetch(self, version: ModelVersion, *, to_serve: bool = False) -> SavedModel:
        """Downloads a version and checks it against its digest, and whether the service can serve it where it is to.

        Raises:
            UnusableModelError: it is not a model that `model_directory.read` takes.
            RefusedModelError: the service must refuse it, with the tags that it has.
        """
        label = f"version {version.version} of {self.name}"
        recorded = version.tags.get(DIGEST_TAG)
        if recorded is None:
            raise RegistryError(f"{label} has no {DIGEST_TAG} tag to check it by. Register it with ml/register.py.")
        with explained(f"download {label}"), TemporaryDirectory() as folder:
            uri = self._client.get_model_version_download_uri(self.name, version.version)
            directory = _download(uri, folder)
            found = manifest.digest(directory)
            if found != recorded:
                raise RegistryError(
                    f"The files of {label} have the digest {found}, its {DIGEST_TAG} tag says {recorded}: they were "
                    "damaged or changed in the store. Register the model again."
                )
            if to_serve:
                contract.check(directory, version.tags)
            return model_directory.read(directory)

    def _search(self) -> list[ModelVersion]:
        with explained(f"list the versions of {self.name}"):
            return list(self._client.search_model_versions(f"name = '{self.name}'", order_by=["version_number DESC"]))

    def _upload(self, directory: Path, run_id: str, digest: str) -> str:
        with explained(f"upload {directory}"), TemporaryDirectory() as folder:
            experiment = self._client.get_run(run_id).info.experiment_id
            # The directory as it lies there, since `log_model` would write another one, unseen, in its place.
            model = self._client.create_logged_model(experiment, _LOGGED_MODEL_NAME, run_id)
            self._client.log_model_artifacts(model.model_id, str(directory))
            stored = manifest.digest(_download(model.artifact_location, folder))
            if stored != digest:
                self._client.finalize_logged_model(model.model_id, LoggedModelStatus.FAILED)
                raise RegistryError(
                    f"The artifact store gave back other files than it was given ({stored} instead of {digest}): "
                    "no version was registered. Check the store, then try again."
                )
            self._client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
            self._client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
            return str(model.model_id)


def _download(uri: str, folder: str) -> Path:
    return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))

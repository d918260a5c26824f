"""What takes part in a promotion."""

from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion

from credit_default.model_directory import SavedModel


class PromotionRefusedError(Exception):
    """The version does not go live; the message says why."""


@dataclass(frozen=True)
class Contender:
    """A registered version with its model."""

    version: ModelVersion
    model: SavedModel

    @property
    def label(self) -> str:
        """What to call it."""
        return f"version {self.version.version}"

    @property
    def run_id(self) -> str:
        """The run to log its measures to.

        Raises:
            PromotionRefusedError: it comes from none.
        """
        if not self.version.run_id:
            raise PromotionRefusedError(f"{self.label} comes from no run. Register its files with ml/register.py.")
        return self.version.run_id

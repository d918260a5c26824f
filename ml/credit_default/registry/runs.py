"""Writes down in MLflow how a version came about and how it was measured."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import mlflow

from credit_default.data import Dataset
from credit_default.evaluation import charts, documents
from credit_default.evaluation.measurement import Evaluation
from credit_default.model_directory import SavedModel
from credit_default.registry.errors import explained

EVALUATION_FOLDER: Final = "evaluation"
_CHARTS: Final = {
    "roc": charts.roc,
    "reliability": charts.reliability,
    "score_distribution": charts.score_distribution,
    "importance": charts.importance,
    "partial_dependence": charts.partial_dependence,
}


@contextmanager
def start(name: str) -> Iterator[str]:
    """Starts a run and yields its id; it ends with the block, as failed if the block raises.

    Its experiment is MLflow's own choice: MLFLOW_EXPERIMENT_NAME, else "Default".

    Raises:
        RegistryError: MLflow cannot be reached or refuses.
    """
    with explained("start a run in MLflow"):
        run = mlflow.start_run(run_name=name)
    status = "FAILED"
    try:
        yield run.info.run_id
        status = "FINISHED"
    finally:
        with explained("end the run in MLflow"):
            mlflow.end_run(status)


def log_training(run_id: str, parameters: Mapping[str, object], metadata: Mapping[str, Any]) -> None:
    """Logs what a model's metadata tells of its data and measures, and the parameters that it was fitted with.

    Raises:
        RegistryError: MLflow cannot be reached or refuses.
    """
    described = {
        f"{subject}_{key}": value
        for subject in ("dataset", "holdout")
        for key, value in metadata.get(subject, {}).items()
        if value is not None
    }
    if "threshold" in metadata:
        described["threshold"] = metadata["threshold"]
    with explained("log parameters and metrics to MLflow"):
        mlflow.log_params({**described, **parameters}, run_id=run_id)
        mlflow.log_metrics(dict(metadata.get("training_metrics", {})), run_id=run_id)


def log_evaluation(run_id: str, model: SavedModel, dataset: Dataset, evaluation: Evaluation) -> None:
    """Logs the report, the model card and the pictures.

    Raises:
        RegistryError: MLflow or its artifact store cannot be reached or refuses.
    """
    with TemporaryDirectory() as workspace:
        folder = Path(workspace)
        (folder / "report.html").write_text(documents.report(model, dataset, evaluation), encoding="utf-8")
        (folder / "MODEL_CARD.md").write_text(documents.model_card(model, dataset, evaluation), encoding="utf-8")
        for name, draw in _CHARTS.items():
            (folder / f"{name}.svg").write_bytes(draw(evaluation))
        with explained("log the evaluation to MLflow"):
            mlflow.log_artifacts(str(folder), EVALUATION_FOLDER, run_id=run_id)


def log_comparison(run_id: str, measures: Mapping[str, float], text: str) -> None:
    """Logs how a version compared with another.

    Raises:
        RegistryError: MLflow or its artifact store cannot be reached or refuses.
    """
    with explained("log the comparison to MLflow"):
        mlflow.log_metrics(dict(measures), run_id=run_id)
        mlflow.log_text(text, f"{EVALUATION_FOLDER}/comparison.txt", run_id=run_id)

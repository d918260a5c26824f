"""Puts an evaluation into words: the model card in Markdown, and the report as one HTML file."""

from base64 import b64encode
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from credit_default import data
from credit_default.data import Dataset
from credit_default.evaluation import charts, tables, uncertainty
from credit_default.evaluation.explanation import SHUFFLES
from credit_default.evaluation.measurement import Evaluation
from credit_default.features import FEATURES, Direction
from credit_default.model_directory import SavedModel
from credit_default.training import FOLDS, REPEATS

_TEMPLATES: Final = Path(__file__).parent / "templates"


def model_card(model: SavedModel, dataset: Dataset, evaluation: Evaluation) -> str:
    """The model card; the same model and data give the same text."""
    default_rate = float(dataset.development().defaulted.mean())
    return _fill(
        "model_card.md",
        name=model.metadata["name"],
        model_sha256=model.sha256,
        width=len(FEATURES),
        threshold=model.threshold,
        source=_citation(dataset),
        rows=f"{len(dataset):,}",
        default_rate=f"{100 * dataset.defaulted.mean():.2f} %",
        dataset_sha256=dataset.sha256,
        holdout_rows=f"{len(evaluation.defaulted):,}",
        holdout_default_rate=f"{100 * evaluation.defaulted.mean():.2f} %",
        holdout_rule=data.HOLDOUT_RULE,
        holdout_sha256=dataset.held_out().sha256,
        cost_ratio=f"{(1 - default_rate) / default_rate:.1f}",
        resamples=f"{uncertainty.RESAMPLES:,}",
        repeats=REPEATS,
        folds=FOLDS,
        calibration_error_by_chance=f"{evaluation.calibration_error_by_chance:.4f}",
        performance=tables.performance(evaluation, model.metadata["training_metrics"]).markdown(),
        confusion=tables.confusion(evaluation.decisions).markdown(),
        rates=tables.rates(evaluation.decisions).markdown(),
        inputs=tables.inputs().markdown(),
        constrained=sum(feature.direction != Direction.FREE for feature in FEATURES),
        directions=tables.directions(evaluation.default_rates).markdown(),
        fairness=tables.fairness(evaluation.groups).markdown(),
    )


def report(model: SavedModel, dataset: Dataset, evaluation: Evaluation, *, note: str = "") -> str:
    """The report, with its pictures inside; `note` is shown above the figures."""
    return _fill(
        "report.html",
        name=escape(model.metadata["name"]),
        model_sha256=model.sha256,
        threshold=model.threshold,
        source=escape(dataset.source.name),
        note=f'<p class="note">{escape(note)}</p>' if note else "",
        holdout_rows=f"{len(evaluation.defaulted):,}",
        holdout_default_rate=f"{100 * evaluation.defaulted.mean():.1f} %",
        calibration_error_by_chance=f"{evaluation.calibration_error_by_chance:.4f}",
        shuffles=SHUFFLES,
        performance=tables.performance(evaluation, model.metadata["training_metrics"]).html(),
        confusion=tables.confusion(evaluation.decisions).html(),
        rates=tables.rates(evaluation.decisions).html(),
        fairness=tables.fairness(evaluation.groups).html(),
        roc=_embedded(charts.roc(evaluation)),
        reliability=_embedded(charts.reliability(evaluation)),
        score_distribution=_embedded(charts.score_distribution(evaluation)),
        importance=_embedded(charts.importance(evaluation)),
        partial_dependence=_embedded(charts.partial_dependence(evaluation)),
    )


def _fill(template: str, **values: object) -> str:
    # `substitute` raises on a name that the template has and the values lack.
    return Template((_TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)


def _citation(dataset: Dataset) -> str:
    source = dataset.source
    if source.doi is None:
        return f"{source.name} (not the published data set)"
    return f"{source.name} ([doi:{source.doi}](https://doi.org/{source.doi}), {source.licence})"


def _embedded(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + b64encode(svg).decode()

"""Measures a model on its hold-out, and writes a report to look at and the model card; or promotes a version."""

import argparse
import logging
import sys
from pathlib import Path

from credit_default import data, data_option, model_directory
from credit_default.data import Dataset
from credit_default.evaluation import documents, measurement
from credit_default.evaluation.measurement import HoldoutMismatchError
from credit_default.metadata import MODEL_NAME
from credit_default.model_directory import SavedModel, UnusableModelError
from credit_default.refused import RefusedModelError
from credit_default.registry import runs
from credit_default.registry.comparison import compare
from credit_default.registry.contender import Contender, PromotionRefusedError
from credit_default.registry.errors import RegistryError, check_configured
from credit_default.registry.versions import PRODUCTION, Versions
from credit_default.table import DataError

HERE = Path(__file__).resolve().parent
_log = logging.getLogger("evaluate")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if options.promote:
            promote(options)
        elif options.other_data:
            evaluate_elsewhere(
                model_directory.load(options.model), data_option.load(options.data, HERE / "data"), options.out
            )
        else:
            card = options.model.resolve().parent / "MODEL_CARD.md"
            evaluate(
                model_directory.load(options.model),
                data_option.load(options.data, HERE / "data"),
                options.out,
                card=card,
            )
    except (
        DataError,
        UnusableModelError,
        HoldoutMismatchError,
        RegistryError,
        PromotionRefusedError,
        RefusedModelError,
        OSError,
    ) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def evaluate(model: SavedModel, dataset: Dataset, out: Path, *, card: Path) -> None:
    """Measures the model on the clients it was never trained on, and writes report and model card."""
    measurement.check_holdout(model, dataset.held_out())
    evaluation = measurement.measure(model, dataset, progress=_log.info)
    _write(out / "report.html", documents.report(model, dataset, evaluation))
    _write(card, documents.model_card(model, dataset, evaluation))


def evaluate_elsewhere(model: SavedModel, dataset: Dataset, out: Path) -> None:
    """Measures the model on data that it has no hold-out in; this is no part of its model card."""
    evaluation = measurement.measure(model, dataset, progress=_log.info)
    note = "These clients are not the hold-out that the model names: it was not checked that it never saw them."
    _write(out / "report.html", documents.report(model, dataset, evaluation, note=note))


def promote(options: argparse.Namespace) -> None:
    """Points the alias at a version, the newest by default, if that is no worse than the one it points at.

    How they compare is logged to the version's run either way.
    """
    check_configured()
    versions, alias = Versions(options.name or MODEL_NAME), options.alias or PRODUCTION
    version = versions.get(options.version) if options.version else versions.newest()
    live = versions.at_alias(alias)
    if live and live.version == version.version:
        print(f"{alias} is version {version.version} already.")
        return

    dataset = data_option.load(options.data, HERE / "data")
    candidate = Contender(version, versions.fetch(version, to_serve=True))
    comparison = compare(
        candidate,
        Contender(live, versions.fetch(live)) if live else None,
        dataset,
        new_clients=data.load(options.holdout) if options.holdout else None,
        allow_signature_change=options.allow_signature_change,
        progress=_log.info,
    )
    print(comparison)
    evaluation = measurement.measure(candidate.model, dataset, progress=_log.info)
    runs.log_comparison(candidate.run_id, comparison.measures, str(comparison))
    runs.log_evaluation(candidate.run_id, candidate.model, dataset, evaluation)
    comparison.check()

    if options.allow_signature_change:
        # Before the alias, so that the service sees it as soon as it sees the version.
        versions.allow_signature_change(version)
    versions.move_alias(alias, version, expected=live)
    print(f"{alias} moved to version {version.version}" + (f" from version {live.version}." if live else "."))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"Wrote {path}.")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    data_option.add_to(parser)
    parser.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        default=HERE / "model",
        help="the model to measure, whose MODEL_CARD.md is written beside it (default: ml/model)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=HERE / "reports",
        help="where to write report.html (default: ml/reports)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--other-data",
        action="store_true",
        help="measure although the data's hold-out is not the model's; writes the report only",
    )
    what.add_argument(
        "--promote",
        action="store_true",
        help="measure a registered version in place of a directory, log that to its run, and point the alias at it if "
        "it is no worse than the version there; MLFLOW_TRACKING_URI names the MLflow server",
    )
    promoting = parser.add_argument_group("with --promote")
    promoting.add_argument("--name", help=f"the registered model (default: {MODEL_NAME})")
    promoting.add_argument("--alias", help=f"the alias to move (default: {PRODUCTION})")
    promoting.add_argument("--version", metavar="N", help="the version to promote (default: the newest)")
    promoting.add_argument(
        "--holdout",
        type=Path,
        metavar="FILE",
        help="compare on these clients, new to both versions, instead of on the data's hold-out",
    )
    promoting.add_argument(
        "--allow-signature-change",
        action="store_true",
        help="promote a version of other inputs than the present one takes, which breaks clients that send those",
    )
    options = parser.parse_args(arguments)
    defaults = (parser.get_default("model"), parser.get_default("out"))
    if options.promote and (options.model, options.out) != defaults:
        parser.error("--model and --out do not go with --promote, which measures a registered version")
    if not options.promote and (
        options.name or options.alias or options.version or options.holdout or options.allow_signature_change
    ):
        parser.error("--name, --alias, --version, --holdout and --allow-signature-change go with --promote")
    return options


if __name__ == "__main__":
    sys.exit(main())

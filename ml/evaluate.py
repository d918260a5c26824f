"""Measures a model on its hold-out, and writes a report to look at and the model card."""

import argparse
import logging
import sys
from pathlib import Path

from credit_default import data, model_directory
from credit_default.data import Dataset
from credit_default.evaluation import documents, measurement
from credit_default.evaluation.measurement import HoldoutMismatchError
from credit_default.model_directory import SavedModel, UnusableModelError
from credit_default.uci_table import DataError

HERE = Path(__file__).resolve().parent
_log = logging.getLogger("evaluate")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        model = model_directory.load(options.model)
        dataset = data.load(options.data) if options.data else data.download(HERE / "data")
        if options.other_data:
            evaluate_elsewhere(model, dataset, options.out)
        else:
            evaluate(model, dataset, options.out, card=options.model.resolve().parent / "MODEL_CARD.md")
    except (DataError, UnusableModelError, HoldoutMismatchError, OSError) as error:
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


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"Wrote {path}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="the UCI data set as CSV or .xls (default: download it from UCI once, into ml/data)",
    )
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
    parser.add_argument(
        "--other-data",
        action="store_true",
        help="measure although the data's hold-out is not the model's; writes the report only",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

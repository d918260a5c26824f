"""Trains the credit default model, writes it as an MLflow model directory and registers it if there is an MLflow."""

import argparse
import logging
import sys
import time
from pathlib import Path

from credit_default import commands, data_option, export, features, metadata, metrics, model_directory, training, tuning
from credit_default.data import Dataset
from credit_default.evaluation import measurement
from credit_default.export import ParityError
from credit_default.model_directory import OutputDirectoryError
from credit_default.registry import runs
from credit_default.registry.errors import RegistryError, is_configured
from credit_default.registry.versions import Versions
from credit_default.table import DataError
from credit_default.training import BarMissedError

HERE = Path(__file__).resolve().parent
_log = logging.getLogger("train")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        dataset = data_option.load(options.data, HERE / "data")
        if options.tune:
            tune(dataset)
        elif is_configured():
            train_and_register(dataset, options.out, options.data)
        else:
            train(dataset, options.out)
    except (DataError, ParityError, BarMissedError, OutputDirectoryError, RegistryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def train(dataset: Dataset, out: Path) -> None:
    """Measures the procedure on all rows, fits the model on the development rows and writes it to `out`."""
    started = time.monotonic()
    model_directory.check_replaceable(out)
    inputs, defaulted = features.compute(dataset.clients), dataset.defaulted
    development, held_out = dataset.development(), dataset.held_out()
    fitted_on = features.compute(development.clients)

    _log.info("Cross-validating on %d rows", len(dataset))
    measured = training.cross_validate(inputs, defaulted, progress=_log.info)
    training.check_bars(measured)
    _log.info("Cross-validating without monotone constraints, for comparison")
    unconstrained = training.cross_validate(inputs, defaulted, monotone=False, progress=_log.info)

    _log.info("Choosing the threshold and fitting on %d rows; %d are held out", len(development), len(held_out))
    unseen = training.out_of_fold(fitted_on, development.defaulted, progress=_log.info)
    threshold = metrics.youden_threshold(development.defaulted, unseen)
    booster = training.fit(fitted_on, development.defaulted)

    model = export.to_onnx(booster)
    difference = export.check_parity(booster, model, inputs)
    held_out_score = export.score(model, features.compute(held_out.clients))
    training_metrics = {
        **measured,
        **{f"unconstrained_{name}": value for name, value in unconstrained.items()},
        **{f"holdout_{name}": value for name, value in metrics.summarise(held_out.defaulted, held_out_score).items()},
    }
    description = metadata.describe(
        dataset, booster=booster, inputs=fitted_on, threshold=threshold, training_metrics=training_metrics
    )
    model_directory.save(model, description, out)

    for name, value in training_metrics.items():
        print(f"{name:22} {value:.4f}")
    print(f"{'threshold':22} {threshold:.3f}")
    print(f"ONNX and LightGBM differ by at most {difference:.1e} on {len(inputs)} rows.")
    print(f"Wrote {out} in {time.monotonic() - started:.0f} s.")


def train_and_register(dataset: Dataset, out: Path, data: Path | None) -> None:
    """Does the same within a run of MLflow, logs how the model was made and measured, and registers it."""
    with runs.start("train") as run_id:
        train(dataset, out)
        model = model_directory.load(out)
        runs.log_training(run_id, training.FIXED | training.MONOTONE | training.TUNED, model.metadata)
        evaluation = measurement.measure(model, dataset, progress=_log.info)
        runs.log_evaluation(run_id, model, dataset, evaluation)
        version = Versions(model.metadata["name"]).register(out, run_id)
    print(f"Registered it as version {version.version} of {version.name}.")
    print(f"Next: {commands.promotion(version.name, version.version, data)}")


def tune(dataset: Dataset) -> None:
    """Prints the parameters that a search on the development rows finds best."""
    development = dataset.development()
    found = tuning.search(features.compute(development.clients), development.defaulted, progress=_log.info)
    print("Put these into TUNED in ml/credit_default/training.py:")
    for name, value in found.items():
        print(f'    "{name}": {value},')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="With MLFLOW_TRACKING_URI set, the run is logged to that MLflow server and the model registered in it. "
        "Should that fail once the model is written, ml/register.py registers it without training again.",
    )
    data_option.add_to(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=HERE / "model",
        help="where to write the model, replacing the one there (default: ml/model)",
    )
    parser.add_argument(
        "--tune",
        action="store_true",
        help="search for better parameters on the development rows, print them and write no model",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

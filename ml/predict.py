"""Scores the clients of a CSV file with the model in a directory, or with a running service."""

import argparse
import logging
import sys
from contextlib import nullcontext
from pathlib import Path

from credit_default import applications, model_directory, predictions, service_client
from credit_default.model_directory import UnusableModelError
from credit_default.service_client import ServiceError
from credit_default.table import DataError

HERE = Path(__file__).resolve().parent
_log = logging.getLogger("predict")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    # The answers may go to standard output, so everything else goes to standard error.
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if options.url:
            clients = applications.read(options.input, service_client.inputs(options.url), notice=_log.info)
            answers = service_client.predict(options.url, clients, progress=_log.info)
        else:
            model = model_directory.load(options.model)
            clients = applications.read(options.input, notice=_log.info)
            answers = predictions.predict(model, clients)
        with options.out.open("w", newline="") if options.out else nullcontext(sys.stdout) as file:
            predictions.write(answers, clients.ids, file)
    except (DataError, UnusableModelError, ServiceError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "input",
        type=Path,
        metavar="INPUT",
        help="a CSV file with the model's inputs by name, in any order, or for the inputs of ml/train.py UCI's columns "
        "(LIMIT_BAL, PAY_0, ... or X1, X6, ...), and a column id if there is one; other columns are ignored",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="where to write id, probability and prediction as CSV (default: standard output)",
    )
    scorer = parser.add_mutually_exclusive_group()
    scorer.add_argument("--url", metavar="URL", help="score with the service there, such as http://localhost:8000")
    scorer.add_argument(
        "--model",
        type=Path,
        metavar="DIR",
        default=HERE / "model",
        help="score with the model in this directory (default: ml/model)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""The option --data of the commands that read the UCI data set."""

import argparse
from pathlib import Path

from credit_default import data
from credit_default.data import Dataset


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds --data FILE to a command's options."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="the UCI data set as CSV or .xls (default: download it from UCI once, into ml/data)",
    )


def load(file: Path | None, cache_dir: Path) -> Dataset:
    """Reads what --data names, or else the published data set, which is downloaded once into `cache_dir`.

    Raises:
        DataError: the file or the download is not the UCI data set.
    """
    return data.load(file) if file else data.download(cache_dir)

"""What goes wrong between here and MLflow, in one kind of error."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from mlflow.exceptions import MlflowException

_TRACKING_URI = "MLFLOW_TRACKING_URI"


class RegistryError(Exception):
    """MLflow or its artifact store cannot be reached, refuses, or does not hold what it should."""


@contextmanager
def explained(attempt: str) -> Iterator[None]:
    """Raises a `RegistryError` that names the attempt in place of whatever MLflow's client lets through."""
    try:
        yield
    # Where the client talks to S3 itself, errors are boto's; those of plain HTTP are OSErrors.
    except (MlflowException, Boto3Error, BotoCoreError, ClientError, OSError) as error:
        raise RegistryError(f"Cannot {attempt}: {error}") from error


def is_configured() -> bool:
    """Whether the environment names an MLflow server."""
    return bool(os.environ.get(_TRACKING_URI))


def check_configured() -> None:
    """Raises `RegistryError` unless the environment names an MLflow server."""
    if not is_configured():
        raise RegistryError(f"Set {_TRACKING_URI} to the address of the MLflow server, such as http://localhost:5000.")

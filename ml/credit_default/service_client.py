"""Scores applications with a running service, over its HTTP contract."""

import json
import math
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any, Final

import numpy as np

from credit_default.applications import Applications, Inputs
from credit_default.arrays import FloatArray, IntArray
from credit_default.predictions import Predictions
from credit_default.training import Progress

# The service's own limit.
BATCH_ROWS: Final = 10_000
_TIMEOUT_SECONDS = 60
_ERRORS_SHOWN = 5
# The row that an error of a batch is about.
_ROW = re.compile(r"^data\.(\d+)")


class ServiceError(Exception):
    """The service refused the rows, failed or cannot be reached; the message says which."""


def inputs(url: str) -> Inputs:
    """What the live model of the service at `url` takes, as `GET /meta` says.

    Raises:
        ServiceError: the service does not answer as the contract says, or has no model.
    """
    meta = _request(f"{_base(url)}/meta")
    try:
        model = meta["model"]
        if model is None:
            raise ServiceError(f"{url} has no live model; {url}/meta says why. Try again once it has.")
        described = [(str(each["name"]), bool(each["nullable"])) for each in model["inputs"]]
    except (KeyError, TypeError) as error:
        raise ServiceError(f"{url} answered, but not as a credit default service does.") from error
    return Inputs(tuple(name for name, _ in described), frozenset(name for name, nullable in described if nullable))


def predict(url: str, applications: Applications, *, progress: Progress = print) -> Predictions:
    """Scores over `POST /predict/batch` of the service at `url`, at most `BATCH_ROWS` rows a request.

    A client's id goes along as `reference`, by which the service's record of the answer can be found. Each change of
    the model between two requests is reported, since the answers after it are another model's.

    Raises:
        ServiceError: a request was not answered as the contract says; the requests before it were.
    """
    batches: list[Predictions] = []
    previous = ""
    for start in range(0, len(applications), BATCH_ROWS):
        asked = range(start, min(start + BATCH_ROWS, len(applications)))
        rows = _rows(applications, asked)
        reply = _request(f"{_base(url)}/predict/batch", {"data": rows}, places=_places(applications, asked))
        try:
            model = f"{reply['model']['name']} version {reply['model']['version']}, threshold {reply['threshold']}"
            batch = _predictions(reply["predictions"])
        except (KeyError, TypeError, ValueError) as error:
            raise ServiceError(f"{url} answered, but not as a credit default service does.") from error
        if len(batch.probability) != len(rows):
            raise ServiceError(f"{url} answered {len(batch.probability)} of {len(rows)} rows.")
        if model != previous:
            progress(f"Rows from {start + 1} on are scored by {model}")
        previous = model
        batches.append(batch)
    return Predictions(
        np.concatenate([batch.probability for batch in batches]),
        np.concatenate([batch.predicted for batch in batches]),
    )


def _rows(applications: Applications, rows: range) -> list[dict[str, Any]]:
    # float32 values are exact as JSON numbers, so the service scores the very same inputs.
    values = [[None if math.isnan(cell) else cell for cell in applications.inputs[row].tolist()] for row in rows]
    named = [{"features": dict(zip(applications.names, cells, strict=True))} for cells in values]
    if applications.ids is None:
        return named
    return [{**features, "reference": applications.ids[row]} for row, features in zip(rows, named, strict=True)]


def _predictions(answers: list[dict[str, Any]]) -> Predictions:
    probability: FloatArray = np.array([answer["probability"] for answer in answers], dtype=np.float64)
    predicted: IntArray = np.array([answer["prediction"] for answer in answers], dtype=np.int64)
    return Predictions(probability, predicted)


def _places(applications: Applications, rows: range) -> list[str]:
    ids = applications.ids
    return [f"line {applications.lines[row]}" + (f" (id {ids[row]})" if ids else "") for row in rows]


def _base(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ServiceError(f"{url} is not an HTTP address. Pass one such as http://localhost:8000.")
    return url.rstrip("/")


def _request(url: str, body: dict[str, Any] | None = None, *, places: Sequence[str] = ()) -> dict[str, Any]:
    """Asks with GET, or with POST where there is a body; `places` name its rows for people."""
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(url, content, headers)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            reply: dict[str, Any] = json.load(response)
            return reply
    except urllib.error.HTTPError as error:
        raise ServiceError(_problem(url, error, places)) from error
    except (OSError, HTTPException) as error:
        raise ServiceError(f"Cannot reach {url}: {getattr(error, 'reason', error)}. Is the service running?") from error
    except ValueError as error:
        raise ServiceError(f"{url} answered, but not with JSON.") from error


def _problem(url: str, error: urllib.error.HTTPError, places: Sequence[str]) -> str:
    """What the service says is wrong, from its RFC 9457 body."""
    try:
        problem = json.load(error)
        lines = [f"{url} answered {error.code} {problem['code']}: {problem['detail']}"]
        lines += [
            f"  {re.sub(_ROW, lambda row: places[int(row[1])], wrong['path'])} {wrong['message']}"
            for wrong in problem.get("errors", [])[:_ERRORS_SHOWN]
        ]
    except (ValueError, LookupError, TypeError):
        return f"{url} answered {error.code} {error.reason}. Is it a credit default service?"
    return "\n".join(lines)

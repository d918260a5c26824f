import socket
from typing import Any

import numpy as np
import pytest

from credit_default import service_client
from credit_default.applications import Applications, Inputs
from credit_default.features import NAMES
from credit_default.service_client import ServiceError
from tests.fake_service import Rows, answers, problem, serve


def clients(rows: int, ids: list[str] | None = None) -> Applications:
    inputs = np.arange(rows * len(NAMES), dtype=np.float32).reshape(rows, len(NAMES)) / np.float32(7)
    return Applications(NAMES, inputs, list(range(2, rows + 2)), ids)


def echo(rows: Rows) -> tuple[int, Any]:
    """Answers each row with a probability that tells which row it was."""
    return 200, answers([row["features"]["credit_limit"] / 1000 for row in rows])


def test_answers_come_back_in_the_order_of_the_rows_over_several_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_client, "BATCH_ROWS", 3)
    asked = clients(8)
    with serve(echo) as service:
        answered = service_client.predict(service.url + "/", asked)

    assert [len(rows) for rows in service.requests] == [3, 3, 2]
    np.testing.assert_array_equal(answered.probability, asked.inputs[:, 0].astype(np.float64) / 1000)
    np.testing.assert_array_equal(answered.predicted, answered.probability >= 0.25)


def test_sends_exact_named_inputs_null_for_missing_and_ids_as_references() -> None:
    asked = clients(2, ids=["a", "b"])
    asked.inputs[1, NAMES.index("share_paid")] = np.nan
    with serve(echo) as service:
        service_client.predict(service.url, asked)

    [rows] = service.requests
    assert [row["reference"] for row in rows] == ["a", "b"]
    assert rows[0]["features"] == {name: float(value) for name, value in zip(NAMES, asked.inputs[0], strict=True)}
    assert rows[1]["features"]["share_paid"] is None


def test_sends_no_reference_for_clients_without_ids() -> None:
    with serve(echo) as service:
        service_client.predict(service.url, clients(1))

    assert service.requests[0][0].keys() == {"features"}


def test_reports_the_row_from_which_another_model_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_client, "BATCH_ROWS", 2)
    versions = iter(["7", "7", "8"])
    reported: list[str] = []
    with serve(lambda rows: (200, answers([0.1] * len(rows), version=next(versions)))) as service:
        service_client.predict(service.url, clients(6), progress=reported.append)

    assert reported == [
        "Rows from 1 on are scored by credit-default-model version 7, threshold 0.25",
        "Rows from 5 on are scored by credit-default-model version 8, threshold 0.25",
    ]


def test_shows_the_code_and_the_detail_of_a_refusal() -> None:
    wrong = [{"path": f"data.{row}.features.utilisation", "message": "is missing"} for row in range(1, 9)]
    refusal = problem("FEATURES_MISMATCH", "The live model takes 12 features.", errors=wrong)
    with serve(lambda rows: (422, refusal)) as service, pytest.raises(ServiceError) as raised:
        service_client.predict(service.url, clients(9, ids=list("abcdefghi")))

    first, *errors = str(raised.value).splitlines()
    assert first.endswith("/predict/batch answered 422 FEATURES_MISMATCH: The live model takes 12 features.")
    assert errors[0].strip() == "line 3 (id b).features.utilisation is missing"
    assert len(errors) == 5


def test_asks_the_service_what_its_model_takes() -> None:
    inputs = [{"name": "income", "nullable": False}, {"name": "debt", "nullable": True}]
    with serve(echo, meta={"model": {"inputs": inputs}}) as service:
        assert service_client.inputs(service.url + "/") == Inputs(("income", "debt"), frozenset({"debt"}))


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"model": None}, "has no live model"),
        ({"model": {"inputs": [{"name": "income"}]}}, "not as a credit default service does"),
        (["ok"], "not as a credit default service does"),
        (None, "answered 404 ROUTE_NOT_FOUND"),
    ],
)
def test_says_when_the_service_does_not_tell_what_its_model_takes(meta: object, message: str) -> None:
    with serve(echo, meta=meta) as service, pytest.raises(ServiceError, match=message):
        service_client.inputs(service.url)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (502, b"<html>Bad Gateway</html>", "answered 502 Bad Gateway. Is it a credit default service"),
        (500, ["not", "a", "problem"], "answered 500 Internal Server Error"),
        (200, b"<html>Welcome</html>", "but not with JSON"),
        (200, {"ok": True}, "not as a credit default service does"),
        (200, ["ok"], "not as a credit default service does"),
        (200, answers([0.5]), "answered 1 of 2 rows"),
    ],
)
def test_says_when_it_is_not_answered_as_the_contract_says(status: int, body: object, message: str) -> None:
    with serve(lambda rows: (status, body)) as service, pytest.raises(ServiceError, match=message):
        service_client.predict(service.url, clients(2))


def test_says_that_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ServiceError, match=r"Cannot reach http://.*refused.*Is the service running"):
            service_client.predict(url, clients(1))


@pytest.mark.parametrize("url", ["localhost:8000", "file:///etc/hostname"])
def test_takes_http_addresses_only(url: str) -> None:
    with pytest.raises(ServiceError, match="is not an HTTP address"):
        service_client.predict(url, clients(1))

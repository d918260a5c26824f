import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from mlflow import MlflowClient
from mlflow.entities.webhook import Webhook

import webhook

# Webhooks know no artifact stores, and deliveries come from a server only.
SERVER = pytest.param("proxied", marks=pytest.mark.integration)
anywhere = pytest.mark.parametrize("model_name", ["local", SERVER], indirect=True)
on_a_server = pytest.mark.parametrize("model_name", [SERVER], indirect=True)

SECRET = "correct horse battery staple"


@dataclass
class Receiver:
    """What a service would be sent, and what it answers."""

    url: str = ""
    status: int = 202
    bodies: list[bytes] = field(default_factory=list)
    secrets_fit: list[bool] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signed = f"{self.headers['X-MLflow-Delivery-Id']}.{self.headers['X-MLflow-Timestamp']}.".encode() + body
            signature = b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
            received.bodies.append(body)
            received.secrets_fit.append(self.headers["X-MLflow-Signature"] == f"v1,{signature}")
            self.send_response(received.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.url = f"http://127.0.0.1:{server.server_port}/webhooks/mlflow"
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def name(model_name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a webhook that is not there yet, in an MLflow that may call this machine."""
    monkeypatch.setenv("MLFLOW_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOWED_SCHEMES", "http")
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
    yield model_name
    for registered in named(model_name):
        MlflowClient().delete_webhook(registered.webhook_id)


def named(name: str) -> list[Webhook]:
    return [registered for registered in MlflowClient().list_webhooks() if registered.name == name]


@anywhere
def test_tells_the_service_of_moved_and_deleted_aliases(name: str, receiver: Receiver) -> None:
    assert webhook.main(["--name", name, "--url", receiver.url]) == 0

    [registered] = named(name)
    assert registered.url == receiver.url
    assert {str(event) for event in registered.events} == {"model_version_alias.created", "model_version_alias.deleted"}


@anywhere
def test_changes_the_webhook_that_is_there(name: str, receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    statuses = [webhook.main(["--name", name, "--url", url]) for url in (receiver.url + "/old", receiver.url)]

    assert statuses == [0, 0]
    assert [registered.url for registered in named(name)] == [receiver.url]
    said = capsys.readouterr().out
    assert f"Created the webhook {name} to {receiver.url}/old." in said
    assert f"Updated the webhook {name} to {receiver.url}." in said
    assert SECRET not in said


@on_a_server
def test_tries_it_with_a_signed_delivery(name: str, receiver: Receiver) -> None:
    assert webhook.main(["--name", name, "--url", receiver.url, "--test"]) == 0

    assert any(b"model_version_alias" in body for body in receiver.bodies)
    assert all(receiver.secrets_fit)


@on_a_server
def test_fails_when_the_service_does_not_take_the_trial(
    name: str, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.status = 401

    assert webhook.main(["--name", name, "--url", receiver.url, "--test"]) == 1
    assert "error: MLflow's trial delivery failed: the service answered 401" in capsys.readouterr().err


@anywhere
def test_passes_on_why_mlflow_refuses_an_address(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert webhook.main(["--name", name, "--url", "ftp://service/webhooks/mlflow"]) == 1
    assert f"error: Cannot register the webhook {name}: " in (error := capsys.readouterr().err)
    assert "Invalid webhook URL scheme: 'ftp'" in error


def test_needs_the_secret_that_the_service_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.delenv("MLFLOW_WEBHOOK_SECRET", raising=False)

    assert webhook.main(["--url", "http://service:8000/webhooks/mlflow"]) == 1
    assert "error: Set MLFLOW_WEBHOOK_SECRET to the secret that the service has" in capsys.readouterr().err

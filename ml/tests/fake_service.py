"""A service that speaks the contract of POST /predict/batch and GET /meta, and answers from what it is given."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Rows = list[dict[str, Any]]
Answer = Callable[[Rows], tuple[int, Any]]


class FakeService(ThreadingHTTPServer):
    """Attributes: requests: the rows of each request to /predict/batch, in order."""

    def __init__(self, answer: Answer, meta: object) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.meta = meta
        self.requests: list[Rows] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeService

    def do_GET(self) -> None:
        known = self.path == "/meta" and self.server.meta is not None
        self._reply(*((200, self.server.meta) if known else (404, problem("ROUTE_NOT_FOUND", "No route."))))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.path == "/predict/batch" and self.headers["Content-Type"] == "application/json"
        if known:
            self.server.requests.append(body["data"])
        self._reply(*(self.server.answer(body["data"]) if known else (404, problem("ROUTE_NOT_FOUND", "No route."))))

    def _reply(self, status: int, reply: object) -> None:
        content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        pass


def answers(probabilities: list[float], *, version: str = "7", threshold: float = 0.25) -> dict[str, Any]:
    """The body of a 200."""
    return {
        "predictions": [
            {"id": str(i), "prediction": int(p >= threshold), "probability": p} for i, p in enumerate(probabilities)
        ],
        "threshold": threshold,
        "model": {"name": "credit-default-model", "version": version, "alias": "production", "digest": "0" * 64},
    }


def meta(names: Iterable[str], *, nullable: Collection[str] = ()) -> dict[str, Any]:
    """The body of GET /meta, as far as the inputs of the live model go."""
    return {"model": {"inputs": [{"name": name, "nullable": name in nullable} for name in names]}}


def problem(code: str, detail: str, **members: object) -> dict[str, Any]:
    """The body of an error."""
    return {"type": "about:blank", "title": "", "code": code, "detail": detail, "requestId": "1", **members}


@contextmanager
def serve(answer: Answer, *, meta: object = None) -> Iterator[FakeService]:
    service = FakeService(answer, meta)
    thread = Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        service.shutdown()
        thread.join()
        service.server_close()

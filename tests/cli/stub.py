"""A server that answers discovery well, and all else as a test tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

GROUP = {"kind": "APIGroup", "versions": [{"version": "v1beta1"}]}

Answer = Callable[[BaseHTTPRequestHandler], None]
Serve = Callable[[Answer], str]


def answering(code: int, body: object, **headers: str) -> Answer:
    """An answer with a JSON body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        data = json.dumps(body).encode()
        handler.send_response(code)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Connection", "close")
        handler.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def failing(code: int, reason: str, **headers: str) -> Answer:
    status = {"kind": "Status", "reason": reason, "message": "no", "code": code}
    return answering(code, status, **headers)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Serve]:
    """Starts a server that answers discovery well and all else as told; returns its URL."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                discovery = self.path == "/apis/clone.kubevirt.io"
                (answering(200, GROUP) if discovery else answer)(self)
                self.close_connection = True

            do_POST = do_GET  # noqa: N815 - the name that http.server looks for

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.ended = threading.Event()  # type: ignore[attr-defined]
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.ended.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()

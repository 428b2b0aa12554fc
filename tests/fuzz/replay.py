"""A server that repeats what the sandbox once answered, but for what a test puts in its place."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import urllib3

from kubevirt_sandbox.controlplane import ControlPlane


class Answer(NamedTuple):
    """Code, headers and body; with the code 0 the body is all that is written, HTTP or not."""

    code: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Replay:
    """While there is a ``source`` its answers are kept; afterwards they are repeated.

    A watch brings what the list of its resource held, then ends. A second page is empty.
    """

    def __init__(self, source: ControlPlane) -> None:
        self.source: ControlPlane | None = source
        self.answers: dict[str, Answer] = {}
        self.instead: Mapping[str, Answer] = {}
        self.asked: list[str] = []
        token = {"Authorization": f"Bearer {source.token}"}
        self._pool = urllib3.PoolManager(ca_certs=str(source.ca_file), headers=token)
        replay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.write(replay.answer(self.command, self.path, body))

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server's names

            def write(self, answer: Answer) -> None:
                self.close_connection = True
                if not answer.code:
                    self.wfile.write(answer.body)
                    return
                self.send_response(answer.code)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Connection", "close")
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *args: object) -> None:
                """A client may hang up when it has seen enough."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, method: str, url: str, body: bytes) -> Answer:
        """What is told, what was kept, what the source says now."""
        query = parse_qs(urlsplit(url).query)
        watches = query.get("watch") == ["true"]
        key = f"{method} {urlsplit(url).path}{'?watch' if watches else ''}"
        self.asked.append(key)
        if "continue" in query:
            return Answer(200, b'{"items":[]}')
        if key in self.instead:
            return self.instead[key]
        if key not in self.answers and self.source:
            self.answers[key] = self._watch(url) if watches else self._ask(method, url, body)
        missing = {"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"}
        return self.answers.get(key, Answer(404, json.dumps(missing).encode()))

    def _ask(self, method: str, url: str, body: bytes) -> Answer:
        assert self.source is not None
        response = self._pool.request(
            *(method, f"{self.source.url}{url}"),
            body=body or None,
            headers={**self._pool.headers, "Content-Type": "application/json"},
        )
        return Answer(response.status, response.data)

    def _watch(self, url: str) -> Answer:
        listed = json.loads(self._ask("GET", urlsplit(url).path, b"").body)
        events = [{"type": "MODIFIED", "object": item} for item in listed["items"]]
        version = {"resourceVersion": listed["metadata"]["resourceVersion"]}
        events += [{"type": "DELETED", "object": item} for item in listed["items"][:1]]
        events.append({"type": "BOOKMARK", "object": {"metadata": version}})
        return Answer(200, b"".join(json.dumps(event).encode() + b"\n" for event in events))

    def close(self) -> None:
        """End the server."""
        self._pool.clear()
        self.server.shutdown()
        self.server.server_close()

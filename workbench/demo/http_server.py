"""A small HTTP server on loopback for the demo's services: it owns the socket, the threads and their limits.

What is answered is the `Service`'s business.
"""

from __future__ import annotations

import json
import logging
import socket
import socketserver
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final, Protocol
from urllib.parse import parse_qs, urlsplit

_log = logging.getLogger(__name__)

BODY_LIMIT_BYTES: Final = 64 * 1024
"""Largest request body that is read; more is refused with status 413."""
CONNECTION_LIMIT: Final = 32
"""Connections served at the same time; one more is closed unanswered."""
_IDLE_S: Final = 10.0
"""How long a client may take over one read or write."""
_QUERY_FIELDS: Final = 32
_POLL_S: Final = 0.05
"""How often the accepting thread looks whether it is to stop; bounds the time that closing takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, read completely."""

    method: str
    path: str
    query: Mapping[str, str]
    """Query parameters; of one that is given twice the last counts."""
    authorization: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer."""

    status: HTTPStatus = HTTPStatus.OK
    content_type: str = "application/json; charset=utf-8"
    body: bytes

    @classmethod
    def json(cls, value: object, status: HTTPStatus = HTTPStatus.OK) -> Answer:
        """`value` as a JSON document."""
        # A lone surrogate, which JSON can name but UTF-8 cannot, becomes a question mark.
        return cls(status=status, body=json.dumps(value, ensure_ascii=False).encode(errors="replace"))

    @classmethod
    def failure(cls, status: HTTPStatus, text: str) -> Answer:
        """A JSON document that says what is wrong."""
        return cls.json({"error": text}, status)


class Service(Protocol):
    """What answers the requests; called from several threads at once."""

    def answer(self, request: Request) -> Answer: ...


class LoopbackServer:
    """Serves one `Service` on 127.0.0.1, on a port that the system chooses, from construction until `close`.

    Raises `OSError` when there is no port to be had.
    """

    def __init__(self, service: Service, *, name: str) -> None:
        self._server = _Server(service)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": _POLL_S}, name=f"demo-{name}", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop accepting and close the socket; safe to call again. Requests under way end by themselves."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, service: Service) -> None:
        self.service = service
        self._slots = threading.BoundedSemaphore(CONNECTION_LIMIT)
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        # HTTPServer asks for the host's full name here, which takes seconds where names resolve badly.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._slots.release()
            raise

    def process_request_thread(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: object, client_address: object) -> None:
        # The default prints a traceback to stderr, which is the screen. A client that hangs up is no fault.
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            _log.exception("a demo service failed on a request")


class _Handler(BaseHTTPRequestHandler):
    """Reads a request within the limits, asks the service, writes the answer in one piece."""

    server: _Server
    server_version = "demo"
    sys_version = ""
    timeout = _IDLE_S
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        self._send(self._answer())

    def _answer(self) -> Answer:
        text = self.headers.get("Content-Length", "0").strip()
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            return Answer.failure(HTTPStatus.BAD_REQUEST, "Content-Length is not a number")
        if int(text) > BODY_LIMIT_BYTES:
            return Answer.failure(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {BODY_LIMIT_BYTES} bytes")
        body = self.rfile.read(int(text))
        if len(body) < int(text):
            return Answer.failure(HTTPStatus.BAD_REQUEST, "the body is cut off")
        try:
            target = urlsplit(self.path)
            query = parse_qs(target.query, keep_blank_values=True, max_num_fields=_QUERY_FIELDS)
        except ValueError as error:
            return Answer.failure(HTTPStatus.BAD_REQUEST, f"unusable address: {error}")
        return self.server.service.answer(
            Request(
                method=self.command,
                path=target.path,
                query={name: values[-1] for name, values in query.items()},
                authorization=self.headers.get("Authorization", ""),
                body=body,
            )
        )

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name that the base class has
        """Nothing is logged: stderr is the screen, and the workbench shows the requests itself."""

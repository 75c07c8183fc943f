"""The SubsonicAPI service: who may be asked for, canned answers, and a real server on loopback."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from engine.contracts.host.subsonicapi_pb2 import CallRequest, CallResponse
from engine.host import HostScope, SubsonicAPIService, SystemNetwork
from engine.host.subsonic_responders import responder_of
from engine.host.subsonicapi import Parameters
from engine.plugins.permissions import Permissions, SubsonicPermission
from engine.settings import Limits, SubsonicSettings
from engine.settings_sources import SubsonicUser
from tests.engine.host.fake_scope import FakeScope

ALICE = SubsonicUser(name="alice", password="sesame")
ROOT = SubsonicUser(name="root", is_admin=True)


@dataclass
class Echo:
    """A responder that answers what it was asked."""

    asked: list[tuple[str, Parameters]] = field(default_factory=list)

    def user(self, name: str) -> SubsonicUser | None:
        return {"alice": ALICE, "root": ROOT}.get(name.lower())

    def answer(self, endpoint: str, parameters: Parameters, scope: HostScope) -> str:
        self.asked.append((endpoint, parameters))
        return "{}"


def scope_of(*usernames: str, allow_admins: bool = False) -> FakeScope:
    permission = SubsonicPermission(reason="tests", allowed_usernames=usernames, allow_admins=allow_admins)
    return FakeScope(permissions=Permissions(subsonicapi=permission))


def ask(service: SubsonicAPIService, url: str, scope: FakeScope | None = None) -> CallResponse:
    return service.call("Call", CallRequest(url=url), scope or scope_of())


def error_of(url: str, scope: FakeScope | None = None) -> str:
    return ask(SubsonicAPIService(Echo()), url, scope).error


# --- what is checked, in its order


def test_without_a_responder_the_router_is_missing_whatever_is_asked() -> None:
    scope = scope_of()
    answer = ask(SubsonicAPIService(None), "\x00", scope)
    assert answer == CallResponse(error="SubsonicAPI router not available")
    assert scope.notes == ["Set Folder or Upstream in [Workbench.Subsonic] for something that answers."]


@pytest.mark.parametrize("url", ["pi\nng?u=alice", "pi%zzng?u=alice", "http://[::1/ping?u=alice", "p\x7f?u=alice"])
def test_a_url_that_is_none_is_refused_before_its_user_is_looked_at(url: str) -> None:
    assert error_of(url).startswith("invalid URL format: ")


@pytest.mark.parametrize("url", ["ping", "ping?u=", "ping?U=alice", "?"])
def test_a_user_must_be_named(url: str) -> None:
    assert error_of(url) == "missing required parameter 'u' (username)"


@pytest.mark.parametrize(
    ("username", "scope", "error"),
    [
        ("alice", scope_of(), ""),
        ("ALICE", scope_of("Alice"), ""),
        ("alice", scope_of("bob"), "username alice is not allowed"),
        ("nobody", scope_of("nobody"), "username nobody not found"),
        ("nobody", scope_of("bob"), "username nobody is not allowed"),
        ("nobody", scope_of(allow_admins=True), ""),
        ("root", scope_of(), "calling SubsonicAPI as admin user is not allowed"),
        ("root", scope_of(allow_admins=True), ""),
        ("root", scope_of("alice", allow_admins=True), "username root is not allowed"),
        ("alice", FakeScope(), "username alice is not allowed"),
    ],
)
def test_the_manifest_says_for_whom_a_plugin_may_ask(username: str, scope: FakeScope, error: str) -> None:
    scope.refusals.clear()
    assert error_of(f"getUser?u={username}", scope) == error
    assert [item.reason for item in scope.refusals] == ([error] if error else [])


def test_a_refusal_names_the_manifest_line_that_would_allow_it() -> None:
    for username, wanted in (
        ("carol", '"allowedUsernames": ["bob", "root", "carol"]'),
        ("root", '"allowAdmins": true'),
    ):
        scope = scope_of("bob", "root")
        error_of(f"getUser?u={username}&p=secret", scope)
        [refusal] = scope.refusals
        assert wanted in refusal.hint
        assert refusal.target == f"getUser as {username}"


# --- what is asked


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("ping?u=alice", "ping"),
        ("/rest/ping.view?u=alice", "ping.view"),
        ("https://elsewhere.example/a/b/getAlbum?id=1&u=alice", "getAlbum"),
        ("/rest/ping/?u=alice", "ping"),
    ],
)
def test_only_path_and_query_count_and_of_the_path_only_its_end(url: str, endpoint: str) -> None:
    echo = Echo()
    ask(SubsonicAPIService(echo), url)
    assert [asked for asked, _ in echo.asked] == [endpoint]


def test_client_format_and_version_are_the_hosts_and_the_first_user_is_the_only_one() -> None:
    echo = Echo()
    ask(SubsonicAPIService(echo), "getAlbum?id=1&u=alice&c=x&f=xml&f=y&v=9&id=2&u=root&q=a%20b+c")
    [(_, parameters)] = echo.asked
    assert list(parameters) == [
        ("u", "alice"),
        ("c", "test-plugin"),
        ("f", "json"),
        ("v", "1.16.1"),
        ("id", "1"),
        ("id", "2"),
        ("q", "a b c"),
    ]


# --- canned answers


def canned(tmp_path: Path, **files: bytes) -> SubsonicAPIService:
    for name, data in files.items():
        (tmp_path / f"{name}.json").write_bytes(data)
    settings = SubsonicSettings(users=(ALICE,), folder=tmp_path)
    return SubsonicAPIService(responder_of(settings, Limits(http_body_bytes=1000), SystemNetwork()))


def test_nothing_answers_unless_a_folder_or_a_server_is_set() -> None:
    assert responder_of(SubsonicSettings(users=(ALICE,)), Limits(), SystemNetwork()) is None


def test_a_file_of_the_folder_answers_its_endpoint_to_the_letter_and_is_read_anew(tmp_path: Path) -> None:
    service = canned(tmp_path, ping=b'{"subsonic-response": {"status": "ok"} }\n')
    scope = scope_of()
    assert ask(service, "ping.view?u=alice", scope).json == '{"subsonic-response": {"status": "ok"} }\n'
    assert scope.notes == [f"answered by {tmp_path / 'ping.json'}"]
    (tmp_path / "ping.json").write_text("[]")
    assert ask(service, "ping?u=alice").json == "[]"


def test_an_endpoint_without_a_file_says_which_one_is_missing(tmp_path: Path) -> None:
    answer = ask(canned(tmp_path), "getAlbum?u=alice")
    assert answer.error == f"no canned answer for getAlbum: there is no {tmp_path / 'getAlbum.json'}"


@pytest.mark.parametrize(
    "url", ["/?u=alice", "?u=alice", "..?u=alice", "a%2F..%2Fping?u=alice&x", "a.b?u=alice", "x\\y?u=alice"]
)
def test_an_endpoint_cannot_leave_the_folder(tmp_path: Path, url: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "ping.json").write_text("[]")
    answer = ask(canned(inner), url)
    assert answer.json == ""
    assert answer.error


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 500, b" " * 1001])
def test_a_file_that_is_no_json_is_an_error_that_names_it(tmp_path: Path, data: bytes) -> None:
    answer = ask(canned(tmp_path, ping=data), "ping?u=alice")
    assert answer.json == ""
    assert f"the canned answer {tmp_path / 'ping.json'} is " in answer.error


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ping.json").mkdir()
    assert "cannot be read: Is a directory" in ask(canned(tmp_path), "ping?u=alice").error


# --- a real server


class Server(ThreadingHTTPServer):
    """Remembers what it was asked; answers JSON with the status that it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.status = 200


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = json.dumps({"path": urlsplit(self.path).path}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def forwarding(server: Server, folder: Path | None = None, *users: SubsonicUser) -> SubsonicAPIService:
    upstream = f"http://127.0.0.1:{server.server_port}/music/"
    settings = SubsonicSettings(users=users or (ALICE,), folder=folder, upstream=upstream)
    return SubsonicAPIService(responder_of(settings, Limits(), SystemNetwork()))


def test_a_server_is_asked_as_that_user_with_a_login_of_its_own(server: Server) -> None:
    scope = scope_of()
    answer = ask(forwarding(server), "/x/getAlbum.view?id=a%26b&u=Alice&p=guess&t=t&s=s", scope)
    assert (answer.json, answer.error) == ('{"path": "/music/rest/getAlbum"}', "")
    [target] = server.asked
    asked = dict(parse_qsl(urlsplit(target).query))
    assert (asked["u"], asked["id"], asked["c"], asked["f"]) == ("alice", "a&b", "test-plugin", "json")
    assert "p" not in asked
    assert asked["t"] == hashlib.md5(f"sesame{asked['s']}".encode()).hexdigest()
    assert target.count("&t=") == target.count("&s=") == target.count("&u=") == 1
    assert scope.notes == [f"answered by http://127.0.0.1:{server.server_port}, status 200"]


def test_the_body_is_the_answer_whatever_its_status(server: Server) -> None:
    server.status = 500
    assert ask(forwarding(server), "ping?u=alice") == CallResponse(json='{"path": "/music/rest/ping"}')


def test_a_canned_answer_is_preferred_to_the_server(server: Server, tmp_path: Path) -> None:
    (tmp_path / "ping.json").write_text('"canned"')
    service = forwarding(server, tmp_path)
    assert ask(service, "ping?u=alice").json == '"canned"'
    assert ask(service, "getAlbum?u=alice").json == '{"path": "/music/rest/getAlbum"}'


def test_a_user_without_a_password_cannot_be_asked_for(server: Server) -> None:
    answer = ask(forwarding(server, None, SubsonicUser(name="bob")), "ping?u=bob")
    assert answer.error == "no password for the user bob: add one to Users in [Workbench.Subsonic]"
    assert server.asked == []


def test_a_server_that_is_not_there_is_an_error_and_tells_no_secret() -> None:
    settings = SubsonicSettings(users=(ALICE,), upstream="http://127.0.0.1:1")
    answer = ask(SubsonicAPIService(responder_of(settings, Limits(), SystemNetwork())), "ping?u=alice")
    assert answer.error.startswith("the Subsonic server does not answer: ")
    assert "sesame" not in answer.error
    assert "t=" not in answer.error


def test_a_cancelled_call_ends_at_once(server: Server) -> None:
    scope = scope_of()
    scope.stop.set()
    assert (
        ask(forwarding(server), "ping?u=alice", scope).error == "the Subsonic server does not answer: context canceled"
    )

"""The http service against real servers on loopback: what is sent, and what the plugin gets back."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading

import pytest

from engine.contracts.host.http_pb2 import HttpRequest, HttpResponse
from engine.host import HttpService
from engine.host.http import request_timeout_s
from engine.host.network import SystemNetwork
from engine.plugins.permissions import Permissions
from engine.settings import Limits
from tests.engine.host.conftest import Serve
from tests.engine.host.fake_scope import FakeScope
from tests.engine.host.loopback import Peer, answers, response
from tests.engine.host.recorded_network import RecordedNetwork


@pytest.fixture
def service(network: SystemNetwork) -> HttpService:
    return HttpService(Limits(), network)


@pytest.fixture
def scope() -> FakeScope:
    return FakeScope()


def ask(service: HttpService, scope: FakeScope, method: str, request: HttpRequest) -> HttpResponse:
    answer = service.call(method, request, scope)
    assert isinstance(answer, HttpResponse)
    return answer


def test_get_answers_status_body_and_headers(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    server = serve(answers(response(b"hello", x_test="yes")))
    answer = ask(service, scope, "Get", HttpRequest(url=server.url("/a?b=c")))
    assert answer == HttpResponse(status=200, body=b"hello", headers={"Content-Length": "5", "X-Test": "yes"})
    assert (server.requests[0].method, server.requests[0].target) == ("GET", "/a?b=c")


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops", "204 No Content", "304 Not Modified", "299 Odd"])
def test_any_status_is_a_success(serve: Serve, service: HttpService, scope: FakeScope, status: str) -> None:
    server = serve(answers(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()))
    answer = ask(service, scope, "Get", HttpRequest(url=server.url()))
    assert (answer.status, answer.error) == (int(status[:3]), "")


@pytest.mark.parametrize("method", ["Post", "Put", "Patch"])
def test_a_body_is_sent_by_the_methods_that_carry_one(
    serve: Serve, service: HttpService, scope: FakeScope, method: str
) -> None:
    server = serve(answers(response()))
    ask(service, scope, method, HttpRequest(url=server.url(), body=b"payload"))
    assert (server.requests[0].method, server.requests[0].body) == (method.upper(), b"payload")
    assert "Content-Type" not in server.requests[0]


@pytest.mark.parametrize("method", ["Get", "Delete", "Head", "Options"])
def test_a_body_is_ignored_by_the_methods_that_carry_none(
    serve: Serve, service: HttpService, scope: FakeScope, method: str
) -> None:
    server = serve(answers(response()))
    ask(service, scope, method, HttpRequest(url=server.url(), body=b"payload"))
    assert server.requests[0].method == method.upper()
    assert "Content-Length" not in server.requests[0] and "Transfer-Encoding" not in server.requests[0]


def test_an_empty_post_says_so(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    server = serve(answers(response()))
    ask(service, scope, "Post", HttpRequest(url=server.url()))
    assert server.requests[0]["Content-Length"] == "0"


def test_head_keeps_the_length_and_has_no_body(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    server = serve(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"))
    answer = ask(service, scope, "Head", HttpRequest(url=server.url()))
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "1000")
    assert "Accept-Encoding" not in server.requests[0]


def test_the_host_decides_host_and_framing_headers(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    server = serve(answers(response()))
    given = {"host": "evil.test", "CONTENT-LENGTH": "99", "Transfer-Encoding": "chunked", "trailer": "X"}
    ask(service, scope, "Post", HttpRequest(url=server.url(), body=b"ab", headers=given))
    sent = server.requests[0]
    assert sent["Host"] == f"127.0.0.1:{server.port}"
    assert sent["Content-Length"] == "2"
    assert "Transfer-Encoding" not in sent and "Trailer" not in sent


def test_headers_are_sent_canonical_and_as_utf_8(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    server = serve(answers(response()))
    ask(
        service, scope, "Get", HttpRequest(url=server.url(), headers={"x-artist-NAME": "Björk", "accept": "text/plain"})
    )
    assert (server.requests[0]["X-Artist-Name"], server.requests[0]["Accept"]) == ("Björk", "text/plain")


def test_the_only_headers_of_our_own_are_host_user_agent_and_gzip(
    serve: Serve, service: HttpService, scope: FakeScope
) -> None:
    server = serve(answers(response()))
    ask(service, scope, "Get", HttpRequest(url=server.url()))
    assert [name for name, _ in server.requests[0].fields] == ["Host", "User-Agent", "Accept-Encoding"]
    assert server.requests[0]["User-Agent"] == "navidrome-workbench"


def test_a_header_that_cannot_be_sent_is_an_error(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    server = serve(answers(response()))
    answer = ask(service, scope, "Get", HttpRequest(url=server.url(), headers={"X-A": "a\r\nX-Smuggled: b"}))
    assert answer.error == f"Get \"{server.url()}\": net/http: invalid header field value for 'X-A'"
    assert (answer.status, server.connections) == (0, 0)


def test_user_information_in_the_url_becomes_basic_authorization(
    serve: Serve, service: HttpService, scope: FakeScope
) -> None:
    server = serve(answers(response()))
    ask(service, scope, "Get", HttpRequest(url=f"http://user:p%40ss@127.0.0.1:{server.port}/"))
    assert server.requests[0]["Authorization"] == "Basic dXNlcjpwQHNz"
    assert server.requests[0]["Host"] == f"127.0.0.1:{server.port}"


def test_answer_headers_are_canonical_first_value_only_and_valid_text(
    serve: Serve, service: HttpService, scope: FakeScope
) -> None:
    head = "HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nSET-COOKIE: b=2\r\nx-name: Björk\r\n".encode()
    server = serve(answers(head + b"X-Latin: caf\xe9\r\nContent-Length: 0\r\n\r\n"))
    answer = ask(service, scope, "Get", HttpRequest(url=server.url()))
    assert dict(answer.headers) == {
        "Set-Cookie": "a=1", "X-Name": "Björk", "X-Latin": "caf\N{REPLACEMENT CHARACTER}", "Content-Length": "0"
    }  # fmt: skip


def test_cookies_are_not_kept_for_the_next_request(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    server = serve(answers(response(set_cookie="id=1; Path=/")))
    for _ in range(2):
        ask(service, scope, "Get", HttpRequest(url=server.url()))
    assert "Cookie" not in server.requests[1]


def test_gzip_is_asked_for_and_undone(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    packed = gzip.compress(b"music " * 1000)
    server = serve(answers(response(packed, content_encoding="gzip")))
    answer = ask(service, scope, "Get", HttpRequest(url=server.url()))
    assert server.requests[0]["Accept-Encoding"] == "gzip"
    assert (answer.body, dict(answer.headers)) == (b"music " * 1000, {})


def test_gzip_that_the_plugin_asked_for_is_left_to_it(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    packed = gzip.compress(b"music")
    server = serve(answers(response(packed, content_encoding="gzip")))
    answer = ask(service, scope, "Get", HttpRequest(url=server.url(), headers={"accept-encoding": "gzip"}))
    assert (answer.body, answer.headers["Content-Encoding"]) == (packed, "gzip")


@pytest.mark.parametrize("body", [b"not gzip at all", gzip.compress(b"music" * 100)[:-10]], ids=["other", "cut"])
def test_a_body_that_is_not_what_it_says_is_an_error(
    serve: Serve, service: HttpService, scope: FakeScope, body: bytes
) -> None:
    server = serve(answers(response(body, content_encoding="gzip")))
    answer = ask(service, scope, "Get", HttpRequest(url=server.url()))
    assert answer.status == 0
    assert "gzip: " in answer.error


def test_a_chunked_body_is_put_together(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n"
    server = serve(answers(head + b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-End: 1\r\n\r\n"))
    answer = ask(service, scope, "Get", HttpRequest(url=server.url()))
    assert (answer.body, dict(answer.headers)) == (b"abcde", {})


def test_a_body_without_a_length_ends_with_the_connection(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    def until_closed(peer: Peer) -> None:
        peer.receive()
        peer.send(b"HTTP/1.0 200 OK\r\n\r\nall of it")

    answer = ask(service, scope, "Get", HttpRequest(url=serve(until_closed).url()))
    assert (answer.status, answer.body) == (200, b"all of it")


def test_an_answer_is_complete_while_the_server_keeps_the_connection(
    serve: Serve, service: HttpService, scope: FakeScope
) -> None:
    server = serve(answers(response(b"ok", connection="keep-alive")))
    answer = ask(service, scope, "Get", HttpRequest(url=server.url()))
    assert answer.body == b"ok"
    assert server.closed_by_client.wait(30)


def test_provisional_answers_are_skipped(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    server = serve(answers(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + response(b"real")))
    assert ask(service, scope, "Get", HttpRequest(url=server.url())).body == b"real"


def test_a_switch_of_protocols_is_an_answer_without_a_body(
    serve: Serve, service: HttpService, scope: FakeScope
) -> None:
    server = serve(answers(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n\r\nhello there"))
    headers = {"Connection": "Upgrade", "Upgrade": "chat"}
    answer = ask(service, scope, "Get", HttpRequest(url=server.url(), headers=headers))
    assert (answer.status, answer.body, answer.error) == (101, b"", "")


def test_a_large_body_goes_up_whole(serve: Serve, service: HttpService, scope: FakeScope) -> None:
    server = serve(answers(response()))
    body = bytes(range(256)) * 20_000
    assert ask(service, scope, "Put", HttpRequest(url=server.url(), body=body)).status == 200
    assert server.requests[0].body == body


def test_an_answer_that_comes_before_the_request_was_read_counts(
    serve: Serve, service: HttpService, scope: FakeScope
) -> None:
    def impatient(peer: Peer) -> None:
        peer.send(response(status="413 Too Much", connection="close"))
        peer.receive()

    answer = ask(service, scope, "Post", HttpRequest(url=serve(impatient).url(), body=bytes(100)))
    assert (answer.status, answer.error) == (413, "")


def test_requests_of_several_threads_do_not_meet(serve: Serve, service: HttpService) -> None:
    def echo(peer: Peer) -> None:
        peer.send(response(peer.receive().body))

    server = serve(echo)
    bodies: dict[int, bytes] = {}

    def post(number: int) -> None:
        request = HttpRequest(url=server.url(), body=b"%d" % number)
        bodies[number] = ask(service, FakeScope(), "Post", request).body

    threads = [threading.Thread(target=post, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert bodies == {number: b"%d" % number for number in range(12)}


def test_a_plugin_without_the_permission_is_told_so(service: HttpService) -> None:
    scope = FakeScope(permissions=Permissions())
    answer = ask(service, scope, "Get", HttpRequest(url="http://127.0.0.1/"))
    assert answer.error == "Request blocked by plugin permissions: no allowed URLs configured for plugin"
    assert '"http": {' in scope.refusals[0].hint


@pytest.mark.parametrize(
    ("timeout_ms", "timeout_s"), [(0, 10.0), (-1, 10.0), (-5000, 10.0), (250, 0.25), (60_000, 60.0), (2**31 - 1, 60.0)]
)
def test_the_time_limit_is_the_plugins_within_ours(timeout_ms: int, timeout_s: float) -> None:
    assert request_timeout_s(timeout_ms, 60.0) == timeout_s


def test_a_short_maximum_also_cuts_the_default() -> None:
    assert request_timeout_s(0, 2.0) == 2.0


def test_the_service_closes_its_network() -> None:
    network = RecordedNetwork()
    HttpService(Limits(), network).close()
    assert network.is_closed


def test_http_libraries_are_imported_at_the_first_request_only() -> None:
    program = (
        "import sys, engine.host; from engine.host import HttpService; from engine.settings import Limits;"
        "HttpService(Limits()); print(sorted({'httpx', 'httpcore', 'click', 'rich'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert ran.stdout.strip() == "[]"

"""One request of a plugin from its first URL to the last answer: each hop judged, sent, and followed or returned.

Imported at the first request, like `transport.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpcore
import httpx

from engine.errors import PermissionDenied
from engine.host.base import HostScope
from engine.host.bodies import BadBody, read_body
from engine.host.deadline import Deadline, RequestEnded
from engine.host.headers import (
    BadHeader,
    asks_for_gzip,
    request_headers,
    response_headers,
    wire_headers,
    with_userinfo,
    without_body_headers,
)
from engine.host.network import Network, NetworkFailure
from engine.host.proxy import Proxy
from engine.host.redirects import (
    MAX_REDIRECTS,
    keeps_body,
    location_of,
    may_send_credentials,
    next_method,
    resolve,
    without_credentials,
)
from engine.host.routes import routed
from engine.host.transport import OneHopTransport, Route
from engine.plugins.permissions import HttpPermission
from engine.plugins.url_routes import UrlRoute
from engine.plugins.url_rules import NormalUrl, check_http, decide_http

_SHOWN_CHARS = 512
"""Longest URL that is repeated in an error text or a report."""


class ExchangeFailed(Exception):
    """There is no answer; `str()` is the text for the guest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer that the plugin gets: canonical header names, body unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hop:
    """One request as it is sent."""

    method: str
    route: Route
    headers: Mapping[str, str]
    body: bytes | None


class Exchange:
    """Runs one request of a plugin; used once, on the plugin's thread."""

    def __init__(
        self,
        *,
        network: Network,
        proxy: Proxy | None,
        routes: Sequence[UrlRoute],
        body_limit_bytes: int,
        permission: HttpPermission,
        scope: HostScope,
        deadline: Deadline,
    ) -> None:
        self._network = network
        self._proxy = proxy
        self._routes = routes
        self._body_limit_bytes = body_limit_bytes
        self._permission = permission
        self._scope = scope
        self._deadline = deadline
        self._doing = ""

    def run(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send the request and follow its redirects; `body` is None for a method that sends none.

        Raises `ExchangeFailed`. A redirect that is not followed is an answer like any other.
        """
        try:
            route = self._judge(url, method)
            sent_headers = with_userinfo(request_headers(headers), route.url.userinfo)
            hop = _Hop(method=method, route=route, headers=sent_headers, body=body)
            for redirects_left in range(MAX_REDIRECTS, -1, -1):
                outcome = self._send(hop, route.url.host, redirects_left)
                if isinstance(outcome, Answer):
                    return outcome
                hop = outcome
        except PermissionDenied as exc:
            raise ExchangeFailed(f"Request blocked by plugin permissions: {exc.summary}") from exc
        except (RequestEnded, BadHeader, BadBody, OSError) as exc:
            raise ExchangeFailed(f"{self._doing}: {exc}") from exc
        raise AssertionError("the last hop is never followed")

    def _begin(self, method: str, url: str) -> None:
        """Say what a failure from now on is about."""
        self._doing = f'{method.title()} "{url[:_SHOWN_CHARS]}"'

    def _judge(self, url: str, method: str) -> Route:
        """The way to `url`; raises `PermissionDenied` after reporting it, `OSError` or `RequestEnded`."""
        self._begin(method, url)
        try:
            return self._allowed_route(url, method)
        except PermissionDenied as exc:
            self._scope.refused(target=url[:_SHOWN_CHARS], reason=exc.summary, hint=exc.hint or "")
            raise

    def _allowed_route(self, url: str, method: str) -> Route:
        def look_up(host: str, port: int) -> Sequence[str]:
            return self._network.resolve(host, port, self._deadline)

        if self._routes:
            judged = decide_http(self._permission, url, method)
            led = routed(self._routes, judged, scope=self._scope, network=self._network, deadline=self._deadline)
            if led is not None:
                return Route(url=judged, addresses=led.addresses, led_to=led.target)
        try:
            allowed = check_http(self._permission, url, method, look_up)
        except OSError:
            if self._proxy is None:
                raise
            # Where only the proxy can look names up there is no address to judge, and none is connected to.
            return Route(url=decide_http(self._permission, url, method), addresses=(), proxy=self._proxy)
        return Route(url=allowed.url, addresses=allowed.addresses, proxy=self._proxy)

    def _send(self, hop: _Hop, first_host: str, redirects_left: int) -> Answer | _Hop:
        """Do one request: its answer, or the next request if the answer is a redirect to follow."""
        self._begin(hop.method, hop.route.url.text)
        gzip = asks_for_gzip(hop.headers, hop.method)
        request = httpx.Request(
            hop.method,
            f"{hop.route.target.scheme}://{hop.route.authority}/",
            headers=wire_headers(hop.headers, host=hop.route.authority, body=hop.body, gzip=gzip),
            content=hop.body,
            # httpx would re-encode a URL; the target it is told is sent to the letter.
            extensions={"target": _target(hop.route.target)},
        )
        with OneHopTransport(self._network, hop.route, self._deadline) as transport:
            try:
                response = transport.handle_request(request)
                headers = response_headers(response.headers.raw)
                onward = self._onward(hop, first_host, response.status_code, headers, redirects_left)
                return onward or self._answer(hop, response, headers, is_gzip_asked=gzip)
            except httpcore.LocalProtocolError as exc:
                raise NetworkFailure(f"the request cannot be sent: {exc}") from exc
            except httpcore.RemoteProtocolError as exc:
                what = "unexpected EOF" if transport.is_at_end else "malformed HTTP response"
                raise NetworkFailure(f"{what}: {exc}") from exc

    def _onward(
        self, hop: _Hop, first_host: str, status: int, headers: Mapping[str, str], redirects_left: int
    ) -> _Hop | None:
        """The request that a redirect leads to; None when there is none, or it is not to be sent."""
        location = location_of(status, headers)
        if location is None:
            return None
        url, method = resolve(hop.route.url.text, location), next_method(status, hop.method)
        what = f"{status} redirect to {url[:_SHOWN_CHARS]}"
        if not redirects_left:
            self._scope.note(f"{what} not followed: limit of {MAX_REDIRECTS} redirects reached")
            return None
        try:
            route = self._judge(url, method)
        except PermissionDenied as exc:
            self._scope.note(f"{what} not followed: {exc.summary}")
            self._begin(hop.method, hop.route.url.text)
            return None
        self._scope.note(f"{what} followed as {method}")
        onward_headers: Mapping[str, str] = hop.headers
        body = hop.body
        if not keeps_body(status):
            onward_headers, body = without_body_headers(onward_headers), None
        if not may_send_credentials(first_host, route.url.host):
            onward_headers = without_credentials(onward_headers)
        onward_headers = with_userinfo(onward_headers, route.url.userinfo)
        return _Hop(method=method, route=route, headers=onward_headers, body=body)

    def _answer(
        self, hop: _Hop, response: httpx.Response, headers: Mapping[str, str], *, is_gzip_asked: bool
    ) -> Answer:
        """Read the body, up to its limit."""
        gunzip = is_gzip_asked and headers.get("Content-Encoding", "").lower() == "gzip"
        if gunzip:
            undone = ("Content-Encoding", "Content-Length")
            headers = {name: value for name, value in headers.items() if name not in undone}
        self._deadline.activity = "reading the body"
        body = read_body(response.iter_raw(), self._deadline, limit_bytes=self._body_limit_bytes, gunzip=gunzip)
        return Answer(status=response.status_code, headers=headers, body=body)


def _target(url: NormalUrl) -> bytes:
    """What stands in the request line: path and query to the letter, as they were judged."""
    return (url.path if url.query is None else f"{url.path}?{url.query}").encode("ascii")

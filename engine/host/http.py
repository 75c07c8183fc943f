"""The http service: requests of a plugin, within what its manifest allows (spec behaviour sections 3 and 4).

Owns the service and its time limit; one request with its redirects is `exchange.py`. Nothing is kept between
requests, so nothing of one plugin, call or permission can reach another.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Sequence

from engine.contracts.host.http_pb2 import HttpRequest, HttpResponse
from engine.host.base import HostScope, HostService
from engine.host.deadline import Deadline
from engine.host.network import Network, SystemNetwork
from engine.host.proxy import parse_proxy
from engine.plugins.permissions import hint_for_service
from engine.plugins.url_routes import UrlRoute
from engine.settings import Limits

DEFAULT_TIMEOUT_S = 10.0
"""The time limit of a request that asks for none, or for a negative one."""


class HttpService(HostService):
    """Sends HTTP requests on the calling thread. Failures are answers with status 0 and an `error`, never a trap."""

    service = "HttpService"

    def __init__(
        self,
        limits: Limits,
        network: Network | None = None,
        *,
        proxy: str | None = None,
        routes: Sequence[UrlRoute] = (),
    ) -> None:
        """Use `network`, by default the machine's, which is closed with the service either way.

        `proxy` is the URL of a forward proxy; `SettingsError` when it is none. `routes` are the user's own: what they
        lead elsewhere goes there without the proxy.
        """
        self._limits = limits
        self._network: Network = SystemNetwork() if network is None else network
        self._proxy = None if proxy is None else parse_proxy(proxy)
        self._routes = tuple(routes)
        self._warm_up: threading.Thread | None = None
        self._is_closed = False

    def prepare(self) -> None:
        """Import and make, once, what a first request would wait for: 0.1 to 0.3 s, and 45 ms more for https."""
        if self._warm_up is None:
            # No daemon: cut off inside an import or OpenSSL it could take the interpreter's end down with it. Nobody
            # waits for it at `close`; the end of the process does, for as long as one of the two steps takes.
            self._warm_up = threading.Thread(target=self._warm, name="http-warm-up", daemon=False)
            self._warm_up.start()

    def get(self, request: HttpRequest, scope: HostScope) -> HttpResponse:
        return self._request("GET", request, scope, body=None)

    def post(self, request: HttpRequest, scope: HostScope) -> HttpResponse:
        return self._request("POST", request, scope, body=request.body)

    def put(self, request: HttpRequest, scope: HostScope) -> HttpResponse:
        return self._request("PUT", request, scope, body=request.body)

    def delete(self, request: HttpRequest, scope: HostScope) -> HttpResponse:
        return self._request("DELETE", request, scope, body=None)

    def patch(self, request: HttpRequest, scope: HostScope) -> HttpResponse:
        return self._request("PATCH", request, scope, body=request.body)

    def head(self, request: HttpRequest, scope: HostScope) -> HttpResponse:
        return self._request("HEAD", request, scope, body=None)

    def options(self, request: HttpRequest, scope: HostScope) -> HttpResponse:
        return self._request("OPTIONS", request, scope, body=None)

    def close(self) -> None:
        self._is_closed = True
        self._network.close()

    def _warm(self) -> None:
        # A request that comes meanwhile waits at the interpreter's lock for this import. What is missing it tells.
        with contextlib.suppress(ImportError):
            importlib.import_module("engine.host.exchange")
        if not self._is_closed:
            self._network.prepare()

    def _request(self, method: str, request: HttpRequest, scope: HostScope, *, body: bytes | None) -> HttpResponse:
        # Imported here because httpx costs about 0.1 s, and brings click and Rich where those are installed.
        from engine.host.exchange import Exchange, ExchangeFailed

        permission = scope.permissions.http
        if permission is None:
            reason = "no allowed URLs configured for plugin"
            scope.refused(target=request.url, reason=reason, hint=hint_for_service("http"))
            return HttpResponse(error=f"Request blocked by plugin permissions: {reason}")
        exchange = Exchange(
            network=self._network,
            proxy=self._proxy,
            routes=self._routes,
            body_limit_bytes=self._limits.http_body_bytes,
            permission=permission,
            scope=scope,
            deadline=self._deadline(request.timeout_ms, scope),
        )
        try:
            answer = exchange.run(method, request.url, request.headers, body)
        except ExchangeFailed as exc:
            return HttpResponse(error=str(exc))
        return HttpResponse(status=answer.status, body=answer.body, headers=answer.headers)

    def _deadline(self, timeout_ms: int, scope: HostScope) -> Deadline:
        timeout_s = request_timeout_s(timeout_ms, self._limits.http_timeout_s)
        remaining_s = scope.remaining_s()
        if remaining_s is not None:
            timeout_s = min(timeout_s, max(0.0, remaining_s))
        return Deadline(timeout_s=timeout_s, stop=scope.stop, stop_reason=lambda: scope.stop_reason)


def request_timeout_s(timeout_ms: int, maximum_s: float) -> float:
    """The time limit, from connecting to the last byte of the body, for what a plugin asked for.

    Zero and negative ask for the default; nothing goes beyond the configured maximum.
    """
    return min(DEFAULT_TIMEOUT_S if timeout_ms <= 0 else timeout_ms / 1000, maximum_s)

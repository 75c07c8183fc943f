"""The way of one request: its judged URL, or where a route of the user leads it instead (`[Workbench.Routes]`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.host.base import HostScope
from engine.host.deadline import Deadline
from engine.host.network import Network
from engine.plugins.addresses import is_ip_literal
from engine.plugins.url_routes import UrlRoute, find_route
from engine.plugins.urls import NormalUrl


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a routed request really goes."""

    target: NormalUrl
    addresses: tuple[str, ...]


def routed(
    routes: Sequence[UrlRoute], url: NormalUrl, *, scope: HostScope, network: Network, deadline: Deadline
) -> Destination | None:
    """The destination that a route gives the judged `url`, noted in the trace; None when no route leads it.

    The name in `url` is not looked up and no address is judged: the user chose the target. Only a target that is
    itself a name is looked up, to connect to it. Raises `OSError` or `RequestEnded`.
    """
    route = find_route(routes, url)
    if route is None:
        return None
    target = route.target(url)
    scope.note(f'routed to {target.text} by the route "{route.pattern.text}" of [Workbench.Routes]')
    if is_ip_literal(target.host):
        return Destination(target=target, addresses=(target.host,))
    return Destination(target=target, addresses=tuple(network.resolve(target.host, target.port, deadline)))

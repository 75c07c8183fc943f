"""New instances, calls in instances of their own, calls of a live instance, host calls; the two sides take turns."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from engine import Engine, EventBus
from engine.calls import CallResult, Outcome
from engine.contracts.api_pb2 import ArtistBiographyResponse, ArtistMBIDResponse
from engine.events import InstanceStarted, PoolChanged
from engine.plugins.discovery import MODULE_NAME
from tests.benchmarks.comparison import Figure
from tests.benchmarks.compiled import compile_all
from tests.benchmarks.facts import Facts
from tests.benchmarks.go_peer import GoPeer, PeerSource
from tests.benchmarks.ground import ARTIST, Ground, tracing
from tests.benchmarks.live_instance import live_instance
from tests.benchmarks.modules import GUEST
from tests.benchmarks.tables import duration

_BIOGRAPHY: Final = "GetArtistBiography"
_ECHO: Final = "GetArtistMBID"


async def measure(ground: Ground) -> list[Figure]:
    """All figures about instances and calls."""
    folders = [ground.subject, *([] if ground.guest is None else [ground.guest])]
    settings = ground.fresh("calls")
    await compile_all(settings, folders)
    if ground.peer is not None:
        await ground.peer.load([_source(ground, folder) for folder in folders], cache=ground.go_cache("calls"))
    bus = EventBus()
    async with Engine(settings, folders=folders, bus=bus) as engine:
        async with tracing(bus):
            figures = await _isolated_figures(ground, engine, ground.effort.subject, _BIOGRAPHY)
            if ground.guest is not None:
                figures += await _isolated_figures(ground, engine, GUEST, _ECHO)
        if ground.guest is not None:
            figures += [await _live_call(ground, engine), *await _host_calls(ground, engine)]
    return figures


@dataclass(slots=True)
class _Isolated:
    """Samples of calls in instances of their own, nanoseconds."""

    starts: list[float] = field(default_factory=list)
    paced: list[float] = field(default_factory=list)
    closed: list[float] = field(default_factory=list)
    """Time per call where each begins when the one before has ended; one sample for each block."""
    inside: list[float] = field(default_factory=list)
    """The part of the paced ones that was spent in the guest and in host services."""
    cold: int = 0
    """Paced calls that had to wait for their instance to be started."""
    text: str = ""
    """What the plugin answered."""


async def _isolated_figures(ground: Ground, engine: Engine, plugin: str, method: str) -> list[Figure]:
    request = {"name": ARTIST}
    ours, go = _Isolated(), _Isolated()
    for _ in range(ground.effort.blocks):
        await _paced(ground, engine, plugin, method, request, ours)
        await _closed(ground, engine, plugin, method, request, ours)
        if ground.peer is not None:
            await _of_go(ground.peer, ground.effort.calls, plugin, method, request, go)
            if ours.text != go.text:
                raise RuntimeError(f"{plugin} answers {ours.text!r} here and {go.text!r} in the Go stack")
    return [
        Figure(
            key=f"start_{plugin}",
            what=f"new instance, started ({plugin})",
            ours=ours.starts,
            go=go.starts,
            most_ratio=0.5,
        ),
        Figure(
            key=f"isolated_{plugin}",
            what=f"isolated call from the pool, traced ({plugin})",
            ours=ours.paced,
            go=go.paced,
            most_ratio=0.25,
            note=f"Engine.call to answer, when the spares are complete; {duration(median(ours.inside))} of it in the "
            f"guest and host services; {ours.cold} of {len(ours.paced)} were cold",
        ),
        Figure(
            key=f"closed_loop_{plugin}",
            what=f"the same without a pause ({plugin})",
            ours=ours.closed,
            go=go.closed,
            note=f"time per call; {_rate(ours.closed)} calls a second, Go {_rate(go.closed)}",
        ),
    ]


async def _paced(
    ground: Ground, engine: Engine, plugin: str, method: str, request: Mapping[str, str], samples: _Isolated
) -> None:
    """Each call begins when the one before has been replaced by a new spare; nothing else is going on then."""
    pool, starts = Facts(engine.bus, PoolChanged), Facts(engine.bus, InstanceStarted)
    try:
        await _call(engine, plugin, method, request)
        for _ in range(ground.effort.calls):
            await pool.next(lambda event: event.plugin == plugin and _is_at_rest(event, ground))
            pool.come()
            begin = time.perf_counter_ns()
            result = await _call(engine, plugin, method, request)
            samples.paced.append(time.perf_counter_ns() - begin)
            samples.inside.append(result.timings.guest_ns + result.timings.host_ns)
            samples.cold += not result.is_warm
            samples.text = _text(result)
        await pool.next(lambda event: event.plugin == plugin and _is_at_rest(event, ground))
        samples.starts += [event.duration_ns for event in starts.come() if event.plugin == plugin]
    finally:
        pool.stop()
        starts.stop()


def _is_at_rest(event: PoolChanged, ground: Ground) -> bool:
    return event.busy == 0 and event.idle == ground.settings.pool.max_idle


async def _closed(
    ground: Ground, engine: Engine, plugin: str, method: str, request: Mapping[str, str], samples: _Isolated
) -> None:
    begin = time.perf_counter_ns()
    for _ in range(ground.effort.calls):
        await _call(engine, plugin, method, request)
    samples.closed.append((time.perf_counter_ns() - begin) / ground.effort.calls)


async def _of_go(
    peer: GoPeer, count: int, plugin: str, method: str, request: Mapping[str, str], samples: _Isolated
) -> None:
    answer = await peer.isolated(plugin, method, request, count=count)
    samples.paced += answer.times
    samples.closed.append(answer.all_ns / count)
    samples.text = answer.text
    samples.starts += (await peer.start(plugin, count=count)).times


async def _live_call(ground: Ground, engine: Engine) -> Figure:
    ours: list[float] = []
    go: list[float] = []
    request = {"name": ARTIST}
    async with live_instance(engine, GUEST, _ECHO) as live:
        for _ in range(ground.effort.blocks):
            ours += await live.call(_ECHO, request, count=ground.effort.live_calls)
            if ground.peer is not None:
                go += (await ground.peer.call(GUEST, _ECHO, request, count=ground.effort.live_calls)).times
    return Figure(
        key="live_call",
        what=f"bare capability call of a live instance ({GUEST})",
        ours=ours,
        go=go,
        most_ratio=2.5,
        note="messages, memory and guest; no pool and no trace",
    )


async def _host_calls(ground: Ground, engine: Engine) -> list[Figure]:
    """The guest makes many in one call; what that call takes inside is divided by their number."""
    traced: list[float] = []
    untraced: list[float] = []
    go: list[float] = []
    count = ground.effort.host_calls
    request = {"id": str(count), "name": "some key"}
    for _ in range(ground.effort.blocks):
        async with tracing(engine.bus):
            traced.append(await _inside(engine, request) / count)
        untraced.append(await _inside(engine, request) / count)
        if ground.peer is not None:
            answer = await ground.peer.call(GUEST, _BIOGRAPHY, request, count=1)
            go += [took / count for took in answer.times]
    return [
        Figure(
            key="host_call",
            what=f"host call, guest to host to guest, traced ({GUEST})",
            ours=traced,
            go=go,
            most_ratio=1.5,
            note=f"CacheService.GetString, {count:,} times in one call",
        ),
        Figure(
            key="host_call_untraced",
            what=f"the same with nobody listening ({GUEST})",
            ours=untraced,
            go=go,
        ),
    ]


async def _inside(engine: Engine, request: Mapping[str, str]) -> float:
    """What the guest's call takes in guest and host, nanoseconds."""
    timings = (await _call(engine, GUEST, _BIOGRAPHY, request)).timings
    return timings.guest_ns + timings.host_ns


async def _call(engine: Engine, plugin: str, method: str, request: Mapping[str, str]) -> CallResult:
    result = await engine.call(plugin, method, request)
    if result.outcome is not Outcome.OK:
        raise RuntimeError(f"{plugin} answered {method} with {result.outcome}: {result.error}")
    return result


def _text(result: CallResult) -> str:
    """The text in an answer: both methods have one field."""
    match result.response:
        case ArtistMBIDResponse() as response:
            return response.mbid
        case ArtistBiographyResponse() as response:
            return response.biography
    raise RuntimeError(f"{result.method} has answered with a {type(result.response).__name__}")


def _source(ground: Ground, folder: Path) -> PeerSource:
    settings = ground.settings.config_for(folder.name)
    return PeerSource(plugin=folder.name, module=folder / MODULE_NAME, settings=settings)


def _rate(samples: list[float]) -> str:
    return f"{len(samples) * 1e9 / sum(samples):,.0f}" if samples else "-"

"""How an engine is put together: each part made once, in the order in which they lean on each other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.calling import Calls
from engine.cautions import Cautions
from engine.clock import Clock
from engine.events import EventBus
from engine.host import (
    ArtworkService,
    CacheService,
    ConfigService,
    HttpService,
    SchedulerService,
    SubsonicAPIService,
    SubsonicResponder,
    WebSocketService,
)
from engine.host.dispatch import HostDispatcher
from engine.host.network import Network
from engine.host.subsonic_responders import responder_of
from engine.inspection import Inspector
from engine.loading import Loader
from engine.plugins.enabled import DISABLED_FILE, DisabledPlugins
from engine.roster import Roster
from engine.settings import Settings
from engine.tasks import Tasks
from engine.wasm.compile_cache import CompileCache
from engine.wasm.compile_workers import CompileWorkers
from engine.wasm.compiler import Compiler
from engine.wasm.runtime import Runtime
from engine.wasm.senses import World
from engine.wasm.threads import GuestThreads

_CLOSING_THREADS: Final = 2
"""Beside those that pools and loads reserve for themselves: they close what is left of plugins that are gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of one open engine; `Engine.close` ends them."""

    runtime: Runtime
    threads: GuestThreads
    cache: CompileCache
    compiler: Compiler
    scheduler: SchedulerService
    websockets: WebSocketService
    dispatcher: HostDispatcher
    """Holds these two and every other host service."""
    calls: Calls
    inspector: Inspector
    roster: Roster


async def assemble(
    settings: Settings,
    *,
    folders: Sequence[Path],
    clock: Clock,
    network: Network,
    subsonic: SubsonicResponder | None,
    bus: EventBus,
    tasks: Tasks,
    cautions: Cautions,
    preload: bool,
) -> Parts:
    """Make the parts, on the engine's loop; raises `SettingsError` for settings a host service cannot work with."""
    limits, workbench = settings.limits, settings.workbench
    websockets = WebSocketService(limits, network, routes=workbench.routes)
    # Half of a plugin's instances: however many schedules are due at once, sockets and people get a turn.
    scheduler = SchedulerService(limits, callbacks=max(1, settings.pool.max_in_use // 2))
    dispatcher = HostDispatcher(
        (
            HttpService(limits, network, proxy=workbench.proxy, routes=workbench.routes),
            ConfigService(),
            ArtworkService(settings),
            CacheService(clock, limits),
            scheduler,
            websockets,
            SubsonicAPIService(subsonic or responder_of(workbench.subsonic, limits, network)),
        ),
        bus,
    )
    runtime = Runtime(None if workbench.call_path == "auto" else workbench.call_path)
    threads = GuestThreads(name="guest", limit=_CLOSING_THREADS)
    cache = await asyncio.to_thread(
        CompileCache,
        settings.compile_cache_folder,
        runtime,
        size_limit_bytes=settings.plugins.cache_size_bytes,
        on_fault=cautions.cache_faulted,
    )
    workers = CompileWorkers(on_fallback=cautions.compiles_inside)
    compiler = Compiler(cache, workers=workers, limits=limits, bus=bus, clock=clock)
    world = World(clock=clock, seed=workbench.seed, fidelity=workbench.fidelity)
    loader = Loader(
        settings=settings,
        runtime=runtime,
        compiler=compiler,
        dispatcher=dispatcher,
        threads=threads,
        world=world,
        clock=clock,
        bus=bus,
        tasks=tasks,
        prepares=preload,  # otherwise it is for a call that comes at once, and would only compete with it
    )
    calls = Calls(make_scope=loader.scope, threads=threads, tasks=tasks, clock=clock, bus=bus)
    inspector = Inspector(
        settings=settings,
        runtime=runtime,
        compiler=compiler,
        dispatcher=dispatcher,
        threads=threads,
        world=world,
        make_scope=loader.scope,
    )
    roster = Roster(
        folders,
        settings=settings,
        loader=loader,
        calls=calls,
        dispatcher=dispatcher,
        tasks=tasks,
        clock=clock,
        bus=bus,
        preload=preload,
        disabled=DisabledPlugins(settings.data_folder / DISABLED_FILE, on_fault=cautions.warn),
    )
    return Parts(
        runtime=runtime,
        threads=threads,
        cache=cache,
        compiler=compiler,
        scheduler=scheduler,
        websockets=websockets,
        dispatcher=dispatcher,
        calls=calls,
        inspector=inspector,
        roster=roster,
    )

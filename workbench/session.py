"""One engine and one development loop on the same folders: what the screen, `watch` and the tests run.

`Session` is for whoever has an event loop; `SessionThread` gives it a loop and a thread of its own, so that a screen
that stops for a quarter of a second stops nothing else.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from engine import Engine, Settings
from engine.clock import Clock, SystemClock
from engine.errors import EngineClosed, Place
from engine.events import EngineWarned, EventBus, PluginState
from engine.plugins.info import PluginInfo
from workbench.control.requests import answer
from workbench.control.server import ControlServer
from workbench.devloop.builder import Builder
from workbench.devloop.loop import DevLoop
from workbench.devloop.settling import WatchTiming
from workbench.devloop.status import BUILD_FAILED, BuildPhase, BuildStatus
from workbench.devloop.toolchain import Toolchain
from workbench.devloop.trust import TRUST_FILE, TrustStore
from workbench.devloop.watcher import Notifier, system_events

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_START_LIMIT_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStatus:
    """A plugin as people see it: the engine's view and the build's in one word."""

    info: PluginInfo
    state: str
    """`not built`, `not trusted`, `building`, `build failed`, `compiling`, `ready`, `failed`, `reloading`, `stale`,
    `disabled`."""
    reason: str | None = None
    hint: str | None = None
    place: Place | None = None
    build_command: tuple[str, ...] | None = None
    """None when there is nothing to build from."""
    build_env: Mapping[str, str] = field(default_factory=dict)
    is_builtin_build: bool = False
    """The build step is the workbench's own and runs no command."""

    @property
    def serving(self) -> str | None:
        """The load that answers calls, in words: `load 3, version 1.2.0`; None when none does."""
        if self.info.state not in (PluginState.READY, PluginState.RELOADING, PluginState.STALE):
            return None
        version = f", version {self.info.version}" if self.info.version else ""
        return f"load {self.info.generation}{version}"


class Session:
    """Owns an engine and the loop that feeds it. An async context manager, used once, on one event loop."""

    def __init__(
        self,
        settings: Settings,
        folders: Sequence[Path] | None = None,
        *,
        trust_all: bool = False,
        trusted_roots: Sequence[Path] = (),
        watch: bool = True,
        bus: EventBus | None = None,
        clock: Clock | None = None,
        timing: WatchTiming | None = None,
        notifier: Notifier = system_events,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """`folders` are plugin folders or folders of them (default: the configured one).

        Build commands run without being asked for with `trust_all`, and below `trusted_roots`. With `watch` false
        nothing is watched or built by itself. `environ` is what builds inherit, `notifier` reports this machine's file
        changes. Subscribe to `bus` before opening.
        """
        self._clock = clock or SystemClock()
        self.bus = bus or EventBus()
        roots = tuple(folders) if folders is not None else (settings.plugins.folder,)
        self.engine = Engine(settings, folders=roots, clock=self._clock, bus=self.bus)
        self.devloop = DevLoop(
            self.engine,
            folders=roots if settings.plugins.enabled else (),
            builder=Builder(
                Toolchain(settings.cache_folder, environ=environ), module_limit_bytes=settings.limits.module_bytes
            ),
            trust=TrustStore(
                settings.data_folder / TRUST_FILE,
                trust_all=trust_all,
                trusted_roots=trusted_roots,
                on_warning=self._warn,
            ),
            bus=self.bus,
            clock=self._clock,
            timing=timing,
            notifier=notifier,
        )
        self._control = ControlServer(
            roots if settings.plugins.enabled else (), lambda request: answer(self.engine, request), environ=environ
        )
        self._watch = watch
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the engine, which scans, and begin to watch; raises `SettingsError`."""
        async with AsyncExitStack() as stack:
            # Before the engine looks, so that a file saved in between counts as changed.
            seen = await self.devloop.look()
            await stack.enter_async_context(self.engine)
            stack.push_async_callback(self.devloop.close)
            is_first = await self._take_folders(stack)
            await self.devloop.start(seen=seen, watch=self._watch, builds=is_first)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End builds and watching, then the engine; idempotent, bounded in time."""
        await self._stack.aclose()

    def statuses(self) -> tuple[PluginStatus, ...]:
        """All plugins, sorted by folder name."""
        return tuple(status_in_words(info, self.devloop.status_of(info)) for info in self.engine.plugins())

    async def _take_folders(self, stack: AsyncExitStack) -> bool:
        """Answer on the folders' control sockets until the end; false when another workbench has one of them."""
        stack.push_async_callback(self._control.close)
        try:
            taken = await self._control.open()
        except OSError as error:
            self._warn(f"`plugin refresh` cannot reach this workbench: {error}", None)
            return True
        for folder in taken:
            self._warn(
                f"another workbench is open on {folder}: this one builds nothing",
                "What the other one builds is reloaded here too. Close one of them.",
            )
        return not taken

    def _warn(self, summary: str, hint: str | None) -> None:
        self.bus.publish(EngineWarned(time_ns=self._clock.now_ns(), summary=summary, hint=hint))


def status_in_words(info: PluginInfo, build: BuildStatus) -> PluginStatus:
    """The one state that matters most: a build under way, why it failed, that it needs consent, else the engine's."""
    state: str = info.state
    reason, hint, place = info.error, info.hint, info.place
    if info.state is PluginState.DISCOVERED:
        state = PluginState.COMPILING
    match build.phase:
        case BuildPhase.BUILDING | BuildPhase.WAITING:
            state, place = "building", None
            reason = "waiting for another build to end" if build.phase is BuildPhase.WAITING else None
            hint = None
        case BuildPhase.FAILED:
            state, reason, hint, place = BUILD_FAILED, build.error, build.hint, build.place
        case BuildPhase.NOT_TRUSTED if info.state in (PluginState.NOT_BUILT, PluginState.READY):
            state, place = "not trusted", None
            reason = "the build command comes from the plugin's folder and waits for your consent"
            hint = "Agree to it to have the plugin built, now and after each change of its sources."
        case BuildPhase.NONE | BuildPhase.IDLE | BuildPhase.NOT_TRUSTED:
            pass
    return PluginStatus(
        info=info,
        state=state,
        reason=reason,
        hint=hint,
        place=place,
        build_command=build.command,
        build_env=build.env,
        is_builtin_build=build.is_builtin,
    )


class SessionThread:
    """Runs a session on an event loop in a thread of its own. Its methods may be called from any other thread."""

    def __init__(self, make_session: Callable[[], Session]) -> None:
        """`make_session` is called on that thread."""
        self._make_session = make_session
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)
        self._opened: concurrent.futures.Future[Session] = concurrent.futures.Future()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None

    def start(self, timeout_s: float = _START_LIMIT_S) -> Session:
        """Start the thread and wait until the session is open; raises what opening raises.

        `TimeoutError` when it is not open after `timeout_s`; it says so in words for people.

        Blocks: from a screen call it in a worker. The session belongs to its own thread: hand it work by `submit`.
        """
        self._thread.start()
        if not concurrent.futures.wait((self._opened,), timeout_s).done:
            raise TimeoutError(
                f"the plugins' folders could not be opened within {timeout_s:g} seconds: reading them takes too long. "
                "A network drive that does not answer, or a very large folder, may be the cause; "
                "move the plugins to a local folder or name a smaller one."
            )
        return self._opened.result()

    def submit(self, work: Coroutine[Any, Any, _T]) -> concurrent.futures.Future[_T]:
        """Run a coroutine on the session's loop; raises `EngineClosed` when that has ended or not begun."""
        with self._lock:
            if self._loop is None:
                work.close()
                raise EngineClosed("the session is not open", hint="Start it first, and use it before it is closed.")
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self, timeout_s: float = 5.0) -> bool:
        """Close the session and wait for its thread; false when it has not ended by then. Idempotent.

        Blocks: never call it in a handler of the screen. What was submitted and has not ended is cancelled.
        """
        with self._lock:
            if self._loop is not None and self._closing is not None:
                self._loop.call_soon_threadsafe(self._closing.set)
        if self._thread.ident is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._opened.done():
                _log.exception("the session ended unexpectedly")
            else:
                self._opened.set_exception(error)

    async def _serve(self) -> None:
        closing = asyncio.Event()
        with self._lock:
            # From here on `close` is heard, also while opening takes its time.
            self._closing, self._loop = closing, asyncio.get_running_loop()
        try:
            async with self._make_session() as session:
                self._opened.set_result(session)
                await closing.wait()
        finally:
            with self._lock:
                self._loop = None

"""Between the screen's loop and the engine's thread: starts the session, carries requests over, collects facts.

Nothing here waits in a handler: requests are futures awaited on the screen's loop, facts lie in bounded stores until
`drain` takes them, ten times a second. This module imports the engine; the screen imports it after its first paint.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from engine.adapters.base import Verdict
from engine.calls import CallId, CallResult, PluginId
from engine.errors import EngineClosed
from engine.events import CallStarted, EngineWarned, Event, PluginStateChanged, TierChanged
from engine.plugins.info import PluginInfo
from engine.settings import Fidelity
from workbench.devloop.events import (
    BuildCancelled,
    BuildFinished,
    BuildNotTrusted,
    BuildOutput,
    BuildStarted,
    BuildStateChanged,
)
from workbench.session import PluginStatus, Session, SessionThread
from workbench.trace.store import TraceStore

_T = TypeVar("_T")

MAX_BUILD_LINES = 2_000
"""Lines of build output kept between two drains; the oldest fall out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A finished call and what Navidrome would make of it."""

    result: CallResult
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildLine:
    """A line of build output; None stands for the beginning of a build."""

    plugin: PluginId
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What happened since the last drain, beside what the trace store tells its own listeners."""

    has_trace_news: bool
    has_plugin_news: bool
    build_lines: tuple[BuildLine, ...]


@dataclass(slots=True)
class _Ticket:
    """Finds the engine's id of a call that this screen started, so that it can be cancelled."""

    call_id: CallId | None = None


_current_ticket: contextvars.ContextVar[_Ticket | None] = contextvars.ContextVar("_current_ticket", default=None)


@dataclass(slots=True)
class _News:
    has_plugin_news: bool = False
    build_lines: deque[BuildLine] = field(default_factory=lambda: deque(maxlen=MAX_BUILD_LINES))


class Bridge:
    """Owns the session's thread and the trace store. Methods belong to the screen's loop unless they say otherwise."""

    def __init__(self, make_session: Callable[[], Session]) -> None:
        self.store = TraceStore()
        self._make_session = make_session
        self._thread = SessionThread(self._make)
        self._session: Session | None = None
        self._ticket: _Ticket | None = None
        self._lock = threading.Lock()
        self._news = _News()

    @property
    def is_open(self) -> bool:
        """The session takes requests."""
        return self._session is not None

    async def start(self) -> None:
        """Open the session on its own thread; raises what opening raises."""
        opened: concurrent.futures.Future[Session] = concurrent.futures.Future()

        def wait() -> None:
            try:
                opened.set_result(self._thread.start())
            except BaseException as error:
                opened.set_exception(error)

        # A daemon of our own: the loop's pool would keep the program from ending while opening hangs.
        threading.Thread(target=wait, name="session-start", daemon=True).start()
        self._session = await asyncio.wrap_future(opened)

    def close(self, timeout_s: float) -> bool:
        """Stop the session's thread; false when it did not end in time. Blocks: for after the screen is gone."""
        return self._thread.close(timeout_s)

    def drain(self) -> Drained:
        """Let the trace store tell its listeners, and take what else happened."""
        has_trace_news = self.store.drain()
        with self._lock:
            news, self._news = self._news, _News()
        return Drained(
            has_trace_news=has_trace_news,
            has_plugin_news=news.has_plugin_news,
            build_lines=tuple(news.build_lines),
        )

    def note(self, text: str) -> None:
        """Put a line that no event carries into the log."""
        self.store.accept(EngineWarned(time_ns=time.time_ns(), summary=text))

    @property
    def unusual_fidelity(self) -> str:
        """Whose habits hold for the plugins' instances, where these are not the documented ones; else nothing."""
        fidelity = Fidelity.DOCUMENT if self._session is None else self._session.engine.settings.workbench.fidelity
        return "" if fidelity is Fidelity.DOCUMENT else f"{fidelity} fidelity"

    def config_of(self, info: PluginInfo) -> Mapping[str, str]:
        """What the settings configure for a plugin."""
        session = self._session
        return {} if session is None else session.engine.settings.config_for(info.id, info.folder)

    async def statuses(self) -> tuple[PluginStatus, ...]:
        """All plugins as they stand."""

        async def ask(session: Session) -> tuple[PluginStatus, ...]:
            return session.statuses()

        return await self._submit(ask)

    async def call(self, plugin: PluginId, method: str, request: Mapping[str, object]) -> Answer:
        """One capability call; raises `RequestError` where the request does not fit."""
        ticket = self._ticket = _Ticket()

        async def call(session: Session) -> Answer:
            _current_ticket.set(ticket)
            result = await session.engine.call(plugin, method, request)
            return Answer(result=result, verdict=session.engine.verdict(result))

        return await self._submit(call)

    async def cancel(self) -> bool:
        """Stop the call started last; false when it has ended."""
        ticket = self._ticket

        async def cancel(session: Session) -> bool:
            return ticket is not None and ticket.call_id is not None and session.engine.cancel(ticket.call_id)

        return await self._submit(cancel)

    async def reload(self, plugin: PluginId) -> None:
        """Read the plugin from disk again."""

        async def reload(session: Session) -> None:
            await session.engine.refresh(plugin)

        await self._submit(reload)

    async def build(self, plugin: PluginId) -> None:
        """Build the plugin from its source; what comes of it arrives as facts."""

        async def build(session: Session) -> None:
            await session.devloop.build(plugin)

        await self._submit(build)

    async def trust(self, status: PluginStatus) -> None:
        """Accept the build command that `status` shows for the plugin's folder, and build."""

        async def trust(session: Session) -> None:
            await session.devloop.trust(status.info.id, command=status.build_command, env=status.build_env)

        await self._submit(trust)

    async def _submit(self, work: Callable[[Session], Coroutine[Any, Any, _T]]) -> _T:
        session = self._session
        if session is None:
            raise EngineClosed("the engine is still being opened", hint="Try again in a moment.")
        return await asyncio.wrap_future(self._thread.submit(work(session)))

    def _make(self) -> Session:
        """Runs on the session's thread, before anything can be published."""
        session = self._make_session()
        session.bus.subscribe(self.store.accept)
        session.bus.subscribe(self._collect)
        return session

    def _collect(self, event: Event) -> None:
        """Note what `drain` reports; on any thread, so no more than a look at the type."""
        match event:
            case CallStarted():
                # Published by the task that `call` started: the context tells this screen's calls from all others.
                ticket = _current_ticket.get()
                if ticket is not None and ticket.call_id is None:
                    ticket.call_id = event.call_id
            case BuildOutput():
                with self._lock:
                    self._news.build_lines.append(BuildLine(plugin=event.plugin, text=event.line))
            case BuildStarted():
                with self._lock:
                    self._news.has_plugin_news = True
                    self._news.build_lines.append(BuildLine(plugin=event.plugin, text=None))
            case (
                PluginStateChanged()
                | TierChanged()
                | BuildFinished()
                | BuildCancelled()
                | BuildNotTrusted()
                | BuildStateChanged()
            ):
                with self._lock:
                    self._news.has_plugin_news = True
            case _:
                pass

"""Hints that something changed in a set of folders; where the system gives none, word that polling is needed.

Events are never taken at their word (they are lost, merged and raced by the system), so all that comes out is
"look again". Folders are watched one by one and not recursively: what is watched is exactly what a bounded walk
found, links, hidden folders and dependency trees do not count, and a new folder renews the watch.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import watchfiles

from workbench.devloop.mounts import network_folder

_log = logging.getLogger(__name__)

_STEP_MS: Final = 50
_DEBOUNCE_MS: Final = 200
_TIMEOUT_MS: Final = 60_000
_START_LIMIT_S: Final = 5.0
_CLOSE_LIMIT_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPlan:
    """What to watch."""

    folders: frozenset[Path] = frozenset()
    """Absolute; a change of any entry that is not hidden counts."""
    parents: frozenset[Path] = frozenset()
    """Absolute; only `names` count in them."""
    names: frozenset[str] = frozenset()

    def concerns(self, path: Path) -> bool:
        """Whether a reported change matters."""
        if path in self.folders:
            return True
        if path.parent in self.folders and not path.name.startswith("."):
            return True
        return path.parent in self.parents and path.name in self.names


class StopSignal(Protocol):
    """What the notifier asks again and again whether to end."""

    def is_set(self) -> bool: ...


class Notifier(Protocol):
    """The system's change events: blocks, yields batches, ends when `stop` is set, raises where it cannot work."""

    def __call__(
        self, folders: Iterable[Path], concerns: Callable[[Path], bool], stop: StopSignal
    ) -> Iterable[object]: ...


def system_events(folders: Iterable[Path], concerns: Callable[[Path], bool], stop: StopSignal) -> Iterable[object]:
    """The notifier of this machine: one inotify (or FSEvents) instance for all folders."""
    return watchfiles.watch(
        *folders,
        watch_filter=lambda _change, path: concerns(Path(path)),
        step=_STEP_MS,
        debounce=_DEBOUNCE_MS,
        rust_timeout=_TIMEOUT_MS,
        stop_event=stop,
        recursive=False,
        force_polling=False,
        ignore_permission_denied=True,
        raise_interrupt=False,
    )


class FolderWatcher:
    """Watches one plan at a time. Belongs to one event loop, on which both callbacks are called."""

    def __init__(
        self,
        on_hint: Callable[[], None],
        on_degraded: Callable[[str], None],
        *,
        notifier: Notifier = system_events,
    ) -> None:
        self._on_hint = on_hint
        self._on_degraded = on_degraded
        self._notifier = notifier
        self._plan = WatchPlan()
        self._identities: dict[Path, tuple[int, int]] = {}
        self._watch: _Watch | None = None
        self._reason: str | None = None

    @property
    def needs_polling(self) -> bool:
        """Changes may go unreported: the owner has to look without being told."""
        return self._reason is not None

    async def watch(self, plan: WatchPlan) -> bool:
        """Watch `plan` from now on; true when the watch was renewed, so that a look must follow.

        The old watch ends after the new one has begun: nothing falls between them.
        """
        identities = await asyncio.to_thread(_identities, plan)
        if (plan, identities) == (self._plan, self._identities):
            return False
        self._plan, self._identities = plan, identities
        old, self._watch = self._watch, None
        watch = _Watch(plan, self._notifier, asyncio.get_running_loop(), self._on_hint, self._failed)
        watch.thread.start()
        self._watch = watch
        await watch.begun()
        if old is not None:
            old.stop()
        remote = await asyncio.to_thread(network_folder, sorted(plan.folders))
        if remote is not None:
            self._degrade(f"{remote[0]} is on a network file system ({remote[1]})")
        elif watch.problem is None:
            self._reason = None
        return True

    async def close(self) -> None:
        """End the watch; no callback follows."""
        self._on_hint = self._on_degraded = _ignore
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
            await asyncio.to_thread(watch.thread.join, _CLOSE_LIMIT_S)

    def _failed(self, watch: _Watch, reason: str) -> None:
        if watch is self._watch:
            self._degrade(reason)
            self._on_hint()

    def _degrade(self, reason: str) -> None:
        if reason != self._reason:
            self._reason = reason
            self._on_degraded(reason)


@dataclass(eq=False)
class _Watch:
    """One run of the notifier on a thread of its own: setting up inotify for many folders takes a while."""

    plan: WatchPlan
    notifier: Notifier
    loop: asyncio.AbstractEventLoop
    on_hint: Callable[[], None]
    on_failed: Callable[[_Watch, str], None]
    problem: str | None = None
    thread: threading.Thread = field(init=False)
    _is_stopped: threading.Event = field(default_factory=threading.Event)
    _is_begun: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, name="folder watch", daemon=True)

    def is_set(self) -> bool:
        """Called by the notifier between its steps, for the first time once it really watches."""
        if not self._is_begun.is_set():
            self._call(self._is_begun.set)
        return self._is_stopped.is_set()

    async def begun(self) -> None:
        """Wait until changes are seen, or never will be."""
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                await self._is_begun.wait()
        except TimeoutError:
            _log.warning("the watch of %d folders did not begin within %s s", len(self.plan.folders), _START_LIMIT_S)

    def stop(self) -> None:
        """Let the thread end at its next step."""
        self._is_stopped.set()

    def _run(self) -> None:
        """The thread: any failure means polling, never silence."""
        try:
            folders = [path for path in (*self.plan.folders, *self.plan.parents) if os.path.isdir(path)]
            if folders:
                for _ in self.notifier(sorted(folders), self.plan.concerns, self):
                    self._call(self.on_hint)
        except Exception as error:
            if self._is_stopped.is_set():
                return
            _log.info("watching folders failed", exc_info=True)
            self.problem = f"the system cannot watch the folders: {error}"
            self._call(self.on_failed, self, self.problem)
        finally:
            self._call(self._is_begun.set)

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            self.loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            self._is_stopped.set()  # the loop is closed; so is everybody who could care


def _identities(plan: WatchPlan) -> dict[Path, tuple[int, int]]:
    """Which folders the names stand for now: the system goes on watching one that was moved away, not its successor."""
    found: dict[Path, tuple[int, int]] = {}
    for path in (*plan.folders, *plan.parents):
        with suppress(OSError):
            status = os.stat(path)
            found[path] = (status.st_dev, status.st_ino)
    return found


def _ignore(*_arguments: object) -> None:
    return

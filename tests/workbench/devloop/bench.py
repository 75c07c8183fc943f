"""A folder of plugins with sources, sessions on it, and waiting for what they report."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import wasmtime

from engine import Engine, Event, Settings
from engine.events import PluginState, PluginStateChanged
from tests.engine.guests import answer, plugin_wat, string_field
from tests.engine.harness import manifest_of
from workbench.devloop.settling import WatchTiming
from workbench.session import Session

EventT = TypeVar("EventT", bound=Event)

TIMING = WatchTiming(settle_s=0.1, poll_s=0.1, recheck_s=1.0)
BIOGRAPHY = "MetadataAgent.GetArtistBiography"


def text_module(biography: str) -> str:
    """A metadata agent, as text, that answers every artist with this biography."""
    body, data = answer(string_field(1, biography))
    return plugin_wat({"metadata_agent_get_artist_biography": body}, fields=data)


def module(biography: str) -> bytes:
    """The same, assembled."""
    return bytes(wasmtime.wat2wasm(text_module(biography)))


def replace_file(path: Path, data: bytes | str) -> None:
    """Write a file as careful editors do: beside it, then by rename."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(data if isinstance(data, bytes) else data.encode())
    os.replace(temporary, path)


class EventLog:
    """Keeps all events of a bus and lets a test wait for some; create it on the loop that waits."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._news = asyncio.Event()

    def take(self, event: Event) -> None:
        """Subscriber; any thread."""
        with self._lock:
            self.events.append(event)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)

    def of(self, kind: type[EventT], plugin: str | None = None) -> list[EventT]:
        """The events of one type so far, of one plugin if it is named."""
        with self._lock:
            return [
                event
                for event in self.events
                if isinstance(event, kind) and (plugin is None or getattr(event, "plugin", None) == plugin)
            ]

    async def until(self, holds: Callable[[], bool], what: str, limit_s: float = 10.0) -> None:
        """Wait until `holds()`, asked after each event."""
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    self._news.clear()
                    if holds():
                        return
                    await self._news.wait()
        except TimeoutError:
            names = [type(event).__name__ for event in self.events[-20:]]
            raise AssertionError(f"gave up after {limit_s} s waiting for {what}; last events: {names}") from None

    async def next(self, kind: type[EventT], plugin: str | None = None, *, after: int = 0) -> EventT:
        """The first event of this type beyond the first `after` of them."""
        await self.until(lambda: len(self.of(kind, plugin)) > after, f"{kind.__name__} of {plugin or 'anything'}")
        return self.of(kind, plugin)[after]

    async def state(self, plugin: str, state: PluginState, *, after: int = 0) -> PluginStateChanged:
        """The next time that a plugin enters `state`, events before position `after` not counted."""

        def found() -> list[PluginStateChanged]:
            return [
                event
                for event in self.events[after:]
                if isinstance(event, PluginStateChanged) and event.plugin == plugin and event.state is state
            ]

        await self.until(lambda: bool(found()), f"{plugin} to be {state}")
        return found()[0]

    @property
    def mark(self) -> int:
        """How many events there are, for `after`."""
        return len(self.events)


class Bench:
    """Writes plugins into `folder` and opens sessions on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "plugins"
        self.folder.mkdir(mode=0o700, parents=True)
        base = Settings.load(environ={"HOME": str(root)}, plugins_folder=self.folder)
        self.settings = replace(base, cache_folder=root / "cache", data_folder=root / "data")
        self.log = EventLog()

    def write(
        self,
        name: str,
        files: Mapping[str, bytes | str],
        *,
        where: Path | None = None,
        manifest: Mapping[str, Any] | None = None,
    ) -> Path:
        """Make a plugin folder with these files and a manifest."""
        target = (where or self.folder) / name
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        contents = {"manifest.json": json.dumps(manifest or manifest_of(name)), **files}
        for path, content in contents.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            replace_file(target / path, content)
        return target

    def session(self, **options: Any) -> Session:
        """A session on the folder; open it with `async with`."""
        options = {"timing": TIMING} | options
        session = Session(self.settings, (self.folder,), **options)
        session.bus.subscribe(self.log.take)
        return session


def build_config(command: list[str], *, env: Mapping[str, str] | None = None, **others: list[str] | str) -> str:
    """The text of a workbench.toml."""
    lines = ["[build]", f"command = {json.dumps(command)}"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in others.items()]
    lines += [f"env.{name} = {json.dumps(value)}" for name, value in (env or {}).items()]
    return "\n".join(lines) + "\n"


async def biography(engine: Engine, plugin: str) -> str:
    """What the plugin answers now, or what is wrong with it."""
    result = await engine.call(plugin, BIOGRAPHY, {"id": "1", "name": "Nina Simone"})
    return str(getattr(result.response, "biography", None) or f"{result.outcome}: {result.error}")


def touch(path: Path, seconds: float) -> None:
    """Move a file's modification time by some seconds."""
    status = path.stat()
    moved = status.st_mtime_ns + round(seconds * 1e9)
    os.utime(path, ns=(moved, moved))

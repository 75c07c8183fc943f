"""An engine over a folder of plugins that a test writes, with every event recorded."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import wasmtime

from engine import Engine, Event, Settings
from engine.clock import Clock
from engine.events import EventBus, PoolChanged
from engine.host.network import Network
from engine.settings import CallPathSetting
from engine.wasm.selftest import choose
from tests.waiting import wait_until

EventT = TypeVar("EventT", bound=Event)


def manifest_of(name: str, capabilities: Sequence[str] = ("MetadataAgent",), **members: Any) -> dict[str, Any]:
    """A valid manifest that grants nothing, with other members put in or over it."""
    base: dict[str, Any] = {
        "name": name,
        "author": "Test Author",
        "version": "1.0.0",
        "description": "A plugin of the tests",
        "capabilities": list(capabilities),
        "permissions": {},
    }
    return base | members


class PluginHarness:
    """Writes plugins into a folder, opens engines on it, keeps their events."""

    def __init__(self, root: Path, *, call_path: CallPathSetting = "auto") -> None:
        self.root = root
        self.folder = root / "plugins"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        base = Settings.load(
            environ={"HOME": str(root), "XDG_DATA_HOME": str(root / "data")}, plugins_folder=self.folder
        )
        workbench = replace(base.workbench, call_path=call_path)
        self.settings = replace(base, cache_folder=root / "cache", data_folder=root / "data", workbench=workbench)
        self._call_path = call_path
        self.events: list[Event] = []
        self._lock = threading.Lock()

    def limit(self, **limits: Any) -> None:
        """Change engine limits before the engine is made."""
        self.settings = replace(self.settings, limits=replace(self.settings.limits, **limits))

    def pool(self, **settings: Any) -> None:
        """Change pool settings before the engine is made."""
        self.settings = replace(self.settings, pool=replace(self.settings.pool, **settings))

    def disable_plugins(self) -> None:
        """Switch the plugin system off before the engine is made."""
        self.settings = replace(self.settings, plugins=replace(self.settings.plugins, enabled=False))

    def wait_for_busy(self) -> None:
        """Return once a pool reported a call that holds an instance."""
        wait_until(lambda: any(event.busy for event in self.of(PoolChanged)), what="a busy pool")

    def live_stores(self) -> int:
        """Guests that are open now, over all engines of this process that call them in the same way."""
        return choose(None if self._call_path == "auto" else self._call_path).path.live_stores()

    def write(self, wat: str | bytes, *, folder: str = "probe", manifest: Mapping[str, Any] | None = None) -> Path:
        """Write a plugin: text is assembled, bytes are taken as they are; both files arrive by rename."""
        target = self.folder / folder
        target.mkdir(mode=0o700, exist_ok=True)
        data = bytes(wasmtime.wat2wasm(wat)) if isinstance(wat, str) else wat
        _replace(target / "manifest.json", json.dumps(manifest or manifest_of(folder)).encode())
        _replace(target / "plugin.wasm", data)
        return target

    def engine(self, *, clock: Clock | None = None, network: Network | None = None, preload: bool = True) -> Engine:
        """An engine on the folder; open it with `async with`."""
        bus = EventBus()
        bus.subscribe(self._record)
        return Engine(self.settings, clock=clock, network=network, bus=bus, preload=preload)

    def of(self, kind: type[EventT]) -> list[EventT]:
        """The recorded events of one type, in order."""
        with self._lock:
            return [event for event in self.events if isinstance(event, kind)]

    def _record(self, event: Event) -> None:
        with self._lock:
            self.events.append(event)


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(data)
    os.replace(temporary, path)

"""One plugin of the engine over its whole life: which version serves, what failed, and who waits.

The state machine behind `PluginState`. Belongs to the engine's loop; every change is published.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from engine.calls import PluginId
from engine.clock import Clock
from engine.errors import EngineError
from engine.events import (
    EventBus,
    PluginState,
    PluginStateChanged,
    ReloadFailed,
    ReloadFinished,
    ReloadStarted,
)
from engine.invocation import PluginVersion
from engine.plugins.discovery import DiscoveredPlugin
from engine.plugins.info import PluginInfo

_LOADING: Final = (PluginState.COMPILING, PluginState.DISCOVERED)


class PluginSlot:
    """The place of one plugin. `current` serves calls unless `refusal` says why it must not."""

    def __init__(self, plugin: PluginId, found: DiscoveredPlugin, *, clock: Clock, bus: EventBus) -> None:
        self.id = plugin
        self.found = found
        self.current: PluginVersion | None = None
        self.refusal: EngineError | None = None
        """OnInit refused the first load: the version is kept for OnInit calls by hand, nothing else may use it."""
        self.lock = asyncio.Lock()
        """Held while a version is brought up; one at a time."""
        self.is_load_requested = False
        """The first load was asked for, though it may not have begun."""
        self._clock = clock
        self._bus = bus
        self._state = PluginState.DISCOVERED
        self._problem: EngineError | None = None
        self._settled = asyncio.Event()
        self._generation = 0
        self._begin_ns = 0

    # --- looking

    @property
    def state(self) -> PluginState:
        return self._state

    @property
    def key(self) -> Path:
        """The entry in its plugins folder; stays the same when a link is pointed elsewhere."""
        return self.found.entry

    @property
    def problem(self) -> EngineError | None:
        """Why the plugin is failed or stale."""
        return self._problem

    @property
    def is_loading(self) -> bool:
        """No version serves yet, and one may come."""
        return self._state in _LOADING

    @property
    def is_disabled(self) -> bool:
        """The user has switched it off: no version is brought up."""
        return self._state is PluginState.DISABLED

    async def settled(self) -> None:
        """Wait until the first load is over, well or badly, and no other one has begun."""
        while not self._settled.is_set():
            await self._settled.wait()

    def info(self) -> PluginInfo:
        """A snapshot for the outside."""
        manifest = self.current.manifest if self.current is not None else self.found.manifest
        problem = self._problem
        module = self.current.linked.compiled if self.current is not None else None
        return PluginInfo(
            id=self.id,
            folder=self.found.folder,
            path=self.found.path,
            state=self._state,
            generation=0 if self.current is None else self.current.generation,
            version=manifest.version if manifest else "",
            author=manifest.author if manifest else "",
            description=manifest.description if manifest else "",
            capabilities=manifest.capabilities if manifest else (),
            is_dev=self.found.is_symlink,
            error=problem.summary if problem else None,
            hint=problem.hint if problem else None,
            place=problem.place if problem else None,
            manifest=manifest,
            module_sha256=module.sha256 if module else None,
            module_bytes=module.module_bytes if module else 0,
            tier=module.tier.value if module else None,
        )

    # --- the way of a load

    def expect_load(self) -> None:
        """A load was asked for: whoever waits for a plugin that does not serve waits for its end."""
        self.is_load_requested = True
        if self.current is None or self.refusal is not None:
            self._settled.clear()

    def load_ended(self) -> None:
        """Nobody waits any longer, however the load ended; it may not even have begun."""
        self._settled.set()

    def begin_load(self, generation: int) -> None:
        """A version is being brought up under this number."""
        self._generation = generation
        self._begin_ns = time.perf_counter_ns()
        if self.current is None or self.refusal is not None:
            self._settled.clear()
            self._enter(PluginState.COMPILING)
        else:
            self._bus.publish(ReloadStarted(time_ns=self._clock.now_ns(), plugin=self.id, generation=generation))
            self._enter(PluginState.RELOADING)

    def serve(self, version: PluginVersion, changes: tuple[str, ...]) -> None:
        """The version is good: swap it in, let the old one drain."""
        old, self.current = self.current, version
        is_reload = old is not None and self.refusal is None
        self.refusal = None
        if old is not None and old is not version:
            old.pool.close()
        if is_reload:
            self._bus.publish(
                ReloadFinished(
                    time_ns=self._clock.now_ns(),
                    plugin=self.id,
                    generation=version.generation,
                    version=version.manifest.version,
                    duration_ns=time.perf_counter_ns() - self._begin_ns,
                    changes=changes,
                )
            )
        self._enter(PluginState.READY)

    def refuse(self, version: PluginVersion, error: EngineError) -> None:
        """OnInit of a first load said no: unregistered, but OnInit itself stays callable."""
        old, self.current = self.current, version
        if old is not None and old is not version:
            old.pool.close()
        self.refusal = error
        self._enter(PluginState.FAILED, error)

    def fail(self, error: EngineError) -> None:
        """The newest version is no good; what served before goes on."""
        if self.current is not None and self.refusal is None:
            self._bus.publish(
                ReloadFailed(
                    time_ns=self._clock.now_ns(),
                    plugin=self.id,
                    generation=self._generation,
                    error=error.summary,
                    hint=error.hint,
                    place=error.place,
                    duration_ns=time.perf_counter_ns() - self._begin_ns,
                )
            )
            self._enter(PluginState.STALE, error)
        else:
            self._enter(PluginState.FAILED, error)

    def mark_not_built(self, error: EngineError) -> None:
        """There is a manifest and no module yet."""
        self._enter(PluginState.NOT_BUILT, error)

    def announce(self) -> None:
        """Publish the present state, for a plugin that was just found."""
        self._enter(self._state)

    def disable(self) -> None:
        """The user switched the plugin off: like a removal, but it stays listed."""
        self._drop()
        self._enter(PluginState.DISABLED)

    def enable(self) -> None:
        """The user switched the plugin on: as if it had just been found. Say so by `announce` or `begin_load`."""
        self._state = PluginState.DISCOVERED
        self.is_load_requested = False
        self._settled.clear()

    def remove(self) -> None:
        """The plugin is gone: its instances are dropped, waiting calls fail."""
        self._drop()
        self._enter(PluginState.REMOVED)

    def _drop(self) -> None:
        self.refusal = None
        if self.current is not None:
            self.current.pool.close()
            self.current = None

    def _enter(self, state: PluginState, problem: EngineError | None = None) -> None:
        self._state = state
        # While a newer version is brought up, the reason the last one failed still is the latest news.
        if problem is not None or state in (PluginState.READY, PluginState.COMPILING, PluginState.DISABLED):
            self._problem = problem
        if state not in _LOADING:
            self._settled.set()
        info = self.info()
        self._bus.publish(
            PluginStateChanged(
                time_ns=self._clock.now_ns(),
                plugin=self.id,
                state=state,
                version=info.version,
                generation=info.generation,
                reason=info.error,
                hint=info.hint,
                place=info.place,
            )
        )

"""The transaction that gives a plugin a new version: brought up beside what serves, initialised once, swapped in.

Whatever goes wrong, and whoever gives up meanwhile, either the new version serves or the old one goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from engine.calling import Calls
from engine.calls import PluginId
from engine.changes import describe_changes
from engine.clock import Clock
from engine.contracts import api_pb2 as api
from engine.contracts.registry import CAPABILITIES, Method
from engine.errors import EngineError, LoadSuperseded, Place, PluginLoadError
from engine.events import EventBus, PluginWarned
from engine.host.dispatch import HostDispatcher
from engine.invocation import PluginVersion
from engine.loading import Loader, load_failure
from engine.plugins.discovery import DiscoveredPlugin
from engine.plugins.manifest import MANIFEST_NAME
from engine.plugins.url_rules import pattern_warnings
from engine.settings import Settings
from engine.slot import PluginSlot

_log = logging.getLogger(__name__)

LIFECYCLE: Final = "LifecycleManagement"
ON_INIT: Final = CAPABILITIES[LIFECYCLE].methods["OnInit"]


class Upgrades:
    """Runs load transactions, one at a time per plugin; belongs to the engine's loop."""

    def __init__(
        self,
        *,
        settings: Settings,
        loader: Loader,
        calls: Calls,
        dispatcher: HostDispatcher,
        clock: Clock,
        bus: EventBus,
    ) -> None:
        self._settings = settings
        self._loader = loader
        self._calls = calls
        self._dispatcher = dispatcher
        self._clock = clock
        self._bus = bus
        self._initialised: set[tuple[PluginId, str, str]] = set()
        self._generations: dict[PluginId, int] = {}
        """Numbers given so far; they go on when a plugin is removed and comes back."""

    async def run(self, slot: PluginSlot, entry: DiscoveredPlugin, *, is_wanted: Callable[[], bool]) -> bool:
        """Bring up what `entry` points to. `is_wanted` turns false when the plugin is removed or switched off.

        False when it was given up for a newer load, which has its turn next, or since the plugin is not wanted. Never
        raises for what the plugin or its files do. Run it in a task that its caller's end does not cancel.
        """
        if slot.lock.locked():
            self._loader.reconsider(entry)
        is_superseded = False
        try:
            async with slot.lock:
                await self._run(slot, entry, is_wanted)
        except LoadSuperseded:
            # Whoever waits for the plugin waits for the load that is next in line.
            is_superseded = True
        finally:
            if not is_superseded:
                slot.load_ended()
        return not is_superseded

    async def _run(self, slot: PluginSlot, entry: DiscoveredPlugin, is_wanted: Callable[[], bool]) -> None:
        """Raises `LoadSuperseded`, having left everything as it was."""
        slot.found = entry
        if not is_wanted():
            return
        if slot.current is None and entry.error is None and not entry.has_module:
            slot.mark_not_built(entry.module_error)
            return
        generation = self._generations[slot.id] = self._generations.get(slot.id, 0) + 1
        slot.begin_load(generation)
        try:
            version = await self._loader.bring_up(entry, generation)
        except LoadSuperseded:
            raise
        except Exception as error:
            if not isinstance(error, EngineError):
                _log.exception("loading %s failed inside the engine", slot.id)
            if is_wanted():
                slot.fail(load_failure(error))
            return
        await self._initialise_and_swap(slot, version, is_wanted)

    def mark_initialised(self, version: PluginVersion) -> None:
        """OnInit went well by hand: it is not due again for this version."""
        self._initialised.add(self._mark(version))

    def forget(self, plugin: PluginId) -> None:
        """OnInit is due again when the plugin comes back."""
        self._initialised = {mark for mark in self._initialised if mark[0] != plugin}

    async def _initialise_and_swap(
        self, slot: PluginSlot, version: PluginVersion, is_wanted: Callable[[], bool]
    ) -> None:
        is_kept = False
        try:
            refusal = await self._initialise(slot.id, version) if is_wanted() else None
            if not is_wanted():
                self._end_init(slot.id, version, ok=False)
            elif refusal is None:
                is_kept = True
                slot.serve(version, self._changes(slot, version))
                self._loader.improve(slot.found, version)
                self._warn_about(slot, version)
            elif slot.current is None or slot.refusal is not None:
                is_kept = True
                slot.refuse(version, refusal)
                self._loader.improve(slot.found, version)
            else:
                slot.fail(refusal)
        finally:
            if not is_kept:
                version.pool.close()

    async def _initialise(self, plugin: PluginId, version: PluginVersion) -> EngineError | None:
        """Run OnInit if it is due; the reason when the plugin refused."""
        mark = self._mark(version)
        if LIFECYCLE not in version.manifest.capabilities or mark in self._initialised:
            return None

        async def this_version(_method: Method) -> PluginVersion:
            return version

        result = await self._calls.call(
            plugin,
            ON_INIT,
            api.InitRequest(config=dict(version.config)),
            this_version,
            timeout_s=self._settings.limits.call_timeout_s,
            cause="load",
            initialises=version.generation,
        )
        self._end_init(plugin, version, ok=result.ok)
        if result.ok:
            self._initialised.add(mark)
            return None
        self._initialised.discard(mark)
        return PluginLoadError(
            f"OnInit failed: {result.error or result.outcome.value}",
            hint=result.hint
            or f"Its settings are [PluginConfig.{plugin}] in the settings file. After changing them start again; "
            "what depends on nothing else can be tried by running OnInit by hand.",
            plugin=plugin,
        )

    def _end_init(self, plugin: PluginId, version: PluginVersion, *, ok: bool) -> None:
        for service in self._dispatcher.services.values():
            service.init_finished(plugin, version.generation, ok=ok)

    def _changes(self, slot: PluginSlot, version: PluginVersion) -> tuple[str, ...]:
        old = slot.current
        if old is None:
            return ()
        return describe_changes((old.manifest, old.linked.compiled), (version.manifest, version.linked.compiled))

    def _warn_about(self, slot: PluginSlot, version: PluginVersion) -> None:
        """What is suspicious about a version that serves all the same."""
        warnings = list(pattern_warnings(version.permissions))
        if not version.permissions.is_declared:
            warnings.append('no permissions declared: manifest.json has no "permissions" key')
        for summary in warnings:
            self._bus.publish(
                PluginWarned(
                    time_ns=self._clock.now_ns(),
                    plugin=slot.id,
                    summary=summary,
                    place=Place(file=slot.found.path / MANIFEST_NAME),
                )
            )

    def _mark(self, version: PluginVersion) -> tuple[PluginId, str, str]:
        """What OnInit runs once for (C12): name, version, and the module if the setting says so."""
        module = version.linked.compiled.sha256 if self._settings.workbench.new_version_on_module_change else ""
        return PluginId(version.manifest.name), version.manifest.version, module

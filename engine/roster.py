"""The plugins of an engine: found on disk, looked up by name, loaded, refreshed, removed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.calling import Calls
from engine.calls import CallResult, PluginId
from engine.clock import Clock
from engine.contracts.registry import Method
from engine.errors import DiscoveryError, PluginLoadError, UnknownPlugin
from engine.events import EventBus, PluginState
from engine.host.dispatch import HostDispatcher
from engine.invocation import PluginVersion
from engine.loading import Loader
from engine.plugins.discovery import DiscoveredPlugin, discover_all
from engine.plugins.enabled import DisabledPlugins
from engine.settings import Settings
from engine.slot import PluginSlot
from engine.tasks import Tasks
from engine.upgrades import ON_INIT, Upgrades


class Roster:
    """All plugins by their entry in the folders; belongs to the engine's loop."""

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        settings: Settings,
        loader: Loader,
        calls: Calls,
        dispatcher: HostDispatcher,
        tasks: Tasks,
        clock: Clock,
        bus: EventBus,
        preload: bool,
        disabled: DisabledPlugins,
    ) -> None:
        self._folders = folders
        self._settings = settings
        self._loader = loader
        self._calls = calls
        self._dispatcher = dispatcher
        self._tasks = tasks
        self._clock = clock
        self._bus = bus
        self._preload = preload
        self._disabled = disabled
        self._names_off: frozenset[str] = frozenset()
        """As of the last look at the folders."""
        self._slots: dict[Path, PluginSlot] = {}
        self._upgrades = Upgrades(
            settings=settings, loader=loader, calls=calls, dispatcher=dispatcher, clock=clock, bus=bus
        )
        self._scanning = asyncio.Lock()
        self._is_closing = False

    def slots(self) -> list[PluginSlot]:
        """Sorted by folder name, then by place."""
        return sorted(self._slots.values(), key=lambda slot: (slot.found.folder, slot.key))

    def find(self, name: str) -> PluginSlot:
        """By manifest name, then by folder name; raises `UnknownPlugin`."""
        slots = self.slots()
        for matches in (
            [slot for slot in slots if slot.id == name and slot.found.error is None],
            [slot for slot in slots if slot.id == name],
            [slot for slot in slots if slot.found.folder == name],
        ):
            if matches:
                return matches[0]
        known = ", ".join(slot.id for slot in slots) or "none"
        raise UnknownPlugin(f"plugin not found: {name}", hint=f"Known plugins: {known}.")

    async def scan(self) -> None:
        """New entries are loaded, vanished ones removed, mended or broken ones tried again."""
        async with self._scanning:
            found = await self._discover()
            if self._is_closing:
                return
            for key in [key for key in self._slots if key not in found]:
                self._remove(key)
            # Names are given up before others take them over.
            for key, entry in found.items():
                if key in self._slots and _identity(entry) not in (None, self._slots[key].id):
                    self._remove(key)
            for key, entry in found.items():
                self._reconcile(key, entry)

    async def set_enabled(self, slot: PluginSlot, *, is_enabled: bool) -> PluginSlot:
        """Remember whether the user wants the plugin, and act on it; raises `OSError` when that cannot be stored."""
        roots = [root for root in self._folders if slot.key.is_relative_to(root.absolute())] or self._folders
        for root in self._folders if is_enabled else roots:
            await asyncio.to_thread(self._disabled.set_disabled, root, slot.id, is_disabled=not is_enabled)
        await self.scan()
        return self._slots.get(slot.key, slot)

    async def refresh(self, slot: PluginSlot) -> PluginSlot:
        """Read the entry again and bring it up; answers the slot that has it now."""
        async with self._scanning:
            found = (await self._discover()).get(slot.key)
        if found is None or _identity(found) not in (None, slot.id):
            # Gone, or renamed in its manifest: a removal plus an addition.
            await self.scan()
            return self._slots.get(slot.key, slot)
        # Whoever asked may give up; the transaction is ended in order all the same.
        if not await asyncio.shield(self._start_loading(slot, found)):
            # The load that has taken its place is before us in line.
            async with slot.lock:
                pass
        return slot

    async def ready(self, slot: PluginSlot) -> None:
        """Wait until the first load is over; starts it for a plugin that is loaded on demand."""
        if not slot.is_load_requested and not slot.is_disabled:
            self._start_loading(slot, slot.found)
        await slot.settled()

    async def serving(self, slot: PluginSlot, method: Method) -> PluginVersion:
        """The version that serves `method`; raises `PluginLoadError` or what made loading fail."""
        limit_s = self._settings.compile_timeout_s
        try:
            # Not `wait_for`, after which another load may have begun, and nothing is known of either.
            async with asyncio.timeout(limit_s):
                await self.ready(slot)
        except TimeoutError:
            raise PluginLoadError(
                f"timed out waiting for plugin {slot.id} to compile",
                hint=f"DevPluginCompilationTimeout is {limit_s:g} s; the compilation goes on.",
                plugin=slot.id,
            ) from None
        if slot.is_disabled:
            raise PluginLoadError(
                f"plugin is disabled: {slot.id}", hint="Enable it: workbench plugin enable.", plugin=slot.id
            )
        version = slot.current
        if slot.refusal is not None and method is not ON_INIT:
            raise slot.problem or slot.refusal
        if version is None:
            raise slot.problem or PluginLoadError(f"plugin not registered: {slot.id}", plugin=slot.id)
        if method.service not in version.manifest.capabilities:
            raise PluginLoadError(
                f"plugin adapter not registered: {slot.id}, capability: {method.service}",
                hint=f'manifest.json does not declare it: add "{method.service}" to "capabilities".',
                plugin=slot.id,
            )
        return version

    def note_on_init(self, slot: PluginSlot, result: CallResult) -> None:
        """OnInit was run by hand: a plugin that its first OnInit kept out is let in when this one went well."""
        version = slot.current
        if version is not None and slot.refusal is not None and result.ok and result.generation == version.generation:
            self._upgrades.mark_initialised(version)
            slot.serve(version, ())

    def stop_loading(self) -> None:
        """The engine is closing: a scan still under way loads nothing any more."""
        self._is_closing = True

    def close(self) -> None:
        """Drop all instances; waiting calls fail."""
        for slot in self._slots.values():
            if slot.current is not None:
                slot.current.pool.close()

    # --- entries

    async def _discover(self) -> dict[Path, DiscoveredPlugin]:
        def look() -> tuple[tuple[DiscoveredPlugin, ...], frozenset[str]]:
            names_off = frozenset(name for folder in self._folders for name in self._disabled.names(folder))
            return discover_all(self._folders), names_off

        entries, self._names_off = await asyncio.to_thread(look)
        return {entry.entry: entry for entry in entries}

    def _reconcile(self, key: Path, entry: DiscoveredPlugin) -> None:
        slot = self._slots.get(key)
        if slot is None:
            entry = self._with_free_name(entry)
            slot = self._slots[key] = PluginSlot(entry.id, entry, clock=self._clock, bus=self._bus)
            self._take_up(slot, entry)
        elif slot.is_disabled or slot.id in self._names_off:
            slot.found = entry
            self._switch(slot, entry)
        elif slot.state is PluginState.DISCOVERED:
            slot.found = entry
        elif _is_worth_a_try(slot, entry) or _is_newly_broken(slot, entry):
            self._start_loading(slot, entry)

    def _with_free_name(self, entry: DiscoveredPlugin) -> DiscoveredPlugin:
        """The entry, refused if a plugin whose manifest broke while it serves still has its name."""
        owner = next((slot for slot in self._slots.values() if slot.id == entry.id), None)
        if owner is None:
            return entry
        error = DiscoveryError(
            f'duplicate plugin name "{entry.id}" (already provided by folder "{owner.found.folder}")',
            hint=f"The plugin in {owner.found.folder} still serves, though its manifest is broken now.",
            plugin=entry.id,
        )
        return replace(entry, id=PluginId(f"./{entry.folder}"), error=entry.error or error)

    def _take_up(self, slot: PluginSlot, entry: DiscoveredPlugin) -> None:
        """What becomes of a plugin that was found, or switched on."""
        if slot.id in self._names_off:
            slot.disable()
        elif self._preload or entry.error is not None or not entry.has_module:
            self._start_loading(slot, entry)
        else:
            slot.announce()

    def _switch(self, slot: PluginSlot, entry: DiscoveredPlugin) -> None:
        """Follow what the user wants of a plugin that is switched off, or is to be."""
        if not slot.is_disabled:
            slot.disable()
            self._forget(slot)
        elif slot.id not in self._names_off:
            slot.enable()
            self._take_up(slot, entry)

    def _is_wanted(self, slot: PluginSlot) -> bool:
        """Neither removed nor switched off while a version was being brought up."""
        return self._slots.get(slot.key) is slot and not slot.is_disabled

    def _remove(self, key: Path) -> None:
        slot = self._slots.pop(key)
        slot.remove()
        self._forget(slot)

    def _forget(self, slot: PluginSlot) -> None:
        """The plugin starts from nothing when it comes back: OnInit, schedules, connections."""
        self._calls.stop_plugin(slot.id, "the plugin was removed or switched off")
        self._upgrades.forget(slot.id)
        self._loader.forget(slot.id)
        for service in self._dispatcher.services.values():
            service.forget(slot.id)

    # --- loading

    def _start_loading(self, slot: PluginSlot, entry: DiscoveredPlugin) -> asyncio.Task[bool]:
        slot.expect_load()
        work = self._upgrades.run(slot, entry, is_wanted=lambda: self._is_wanted(slot))
        return self._tasks.spawn(f"load {slot.id}", work)


def _identity(entry: DiscoveredPlugin) -> PluginId | None:
    """The id that the entry claims; None while its manifest cannot be read."""
    return entry.id if entry.manifest is not None else None


def _is_worth_a_try(slot: PluginSlot, entry: DiscoveredPlugin) -> bool:
    """A plugin that no version serves of, for reasons that another attempt may do away with."""
    return slot.state in (PluginState.FAILED, PluginState.NOT_BUILT) and entry.error is None and entry.has_module


def _is_newly_broken(slot: PluginSlot, entry: DiscoveredPlugin) -> bool:
    return entry.error is not None and (slot.found.error is None or slot.found.error.summary != entry.error.summary)

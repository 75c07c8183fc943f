"""The development loop: watches the plugin folders, builds what changed, has the engine reload what was built.

It opens nothing itself: the engine (or whatever is a `ReloadTarget`) is handed in. Everything is reported on the bus.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from engine.clock import Clock, SystemClock
from engine.errors import UnknownPlugin
from engine.events import EventBus, PluginState
from engine.plugins.info import PluginInfo
from engine.tasks import Tasks
from workbench.devloop.build_config import CONFIG_NAME, Recipe
from workbench.devloop.builder import Builder
from workbench.devloop.errors import BuildConfigError, BuildError
from workbench.devloop.events import SourceWatchDegraded
from workbench.devloop.lane import Lane
from workbench.devloop.outline import Entry, Picture, inputs_of, take_picture
from workbench.devloop.settling import Settler, WatchTiming
from workbench.devloop.status import BuildPhase, BuildStatus
from workbench.devloop.trust import TrustStore
from workbench.devloop.watcher import FolderWatcher, Notifier, WatchPlan, system_events
from workbench.devloop.workshop import ReloadTarget, Workshop

_log = logging.getLogger(__name__)

_MIN_PAUSE_S: Final = 0.02
_LOOK_SHARE: Final = 20
"""Unprompted looks take at most one part in so many of the time."""


class DevLoop:
    """Watches, builds and reloads. Belongs to one event loop; `start` once, `close` once or more."""

    def __init__(
        self,
        target: ReloadTarget,
        *,
        folders: Sequence[Path],
        builder: Builder,
        trust: TrustStore,
        bus: EventBus,
        clock: Clock | None = None,
        timing: WatchTiming | None = None,
        notifier: Notifier = system_events,
    ) -> None:
        """`folders` are those the engine scans; `notifier` reports the file changes of this machine."""
        self._target = target
        self._roots = tuple(Path(os.path.abspath(folder)) for folder in folders)
        self._bus = bus
        self._clock = clock or SystemClock()
        self._timing = timing or WatchTiming()
        self._tasks = Tasks()
        self._lanes: dict[Path, Lane] = {}
        self._hint = asyncio.Event()
        self._builds = True
        self._look_s = 0.0
        self._has_failed = False
        self._shape: Settler[object] = Settler(None, settle_ns=_nanoseconds(self._timing.settle_s))
        self._watcher = FolderWatcher(self._hint.set, self._report_degraded, notifier=notifier)
        self._shop = Workshop(
            target=target,
            builder=builder,
            trust=trust,
            tasks=self._tasks,
            bus=bus,
            clock=self._clock,
            settle_ns=_nanoseconds(self._timing.settle_s),
            may_build=lambda: self._builds,
            on_reloaded=self._hint.set,
        )

    # --- life

    async def look(self) -> Picture:
        """The folders as they are; taken before the engine opens, it tells `start` what the engine has seen."""
        return await asyncio.to_thread(take_picture, self._roots)

    async def start(self, *, seen: Picture | None = None, watch: bool = True, builds: bool = True) -> None:
        """Begin, after the engine has scanned.

        `seen` is an earlier `look`: what differs from it is taken as a change. With `watch` false nothing happens by
        itself, but `build` and `trust` work. Otherwise each plugin without an up-to-date module is built, if its
        command may run, and changes from now on are noticed when this returns. With `builds` false nothing is ever
        built, only reloaded: another workbench builds in these folders.
        """
        self._builds = builds
        picture = seen or await self.look()
        self._renew_lanes(picture, builds=watch)
        if watch:
            await self._watch_folders(picture)
            self._hint.set()
            self._tasks.spawn("watch the plugin folders", self._watch())

    async def close(self) -> None:
        """Stop watching, end every build with its processes; idempotent."""
        await self._watcher.close()
        for lane in self._lanes.values():
            lane.close("the workbench is closing")
        await self._tasks.close()

    # --- asking

    async def build(self, plugin: str) -> BuildStatus:
        """Build a plugin whether or not it is due, reload it, and wait for both; the status says how it ended.

        An untrusted command is not run: the phase is `NOT_TRUSTED` then. Raises `UnknownPlugin`, and `BuildError`
        when there is nothing to build from.
        """
        lane = self._buildable_lane(plugin)
        await self._renew(lane)
        lane.want_build()
        await lane.settled()
        return lane.status

    async def trust(
        self, plugin: str, *, command: Sequence[str] | None = None, env: Mapping[str, str] | None = None
    ) -> BuildStatus:
        """The user agrees to the plugin's build command: remember that, then build as `build` does.

        `command` and `env` are what the user was shown; by default, what `status` shows. If the folder asks for
        anything else by now nothing is trusted and `BuildError` says so. Also raises what `build` raises.
        """
        lane = self._buildable_lane(plugin)
        shown = lane.status
        recipe = await self._renew(lane)
        agreed = tuple(command if command is not None else shown.command or ())
        variables = dict(env if env is not None else shown.env)
        if recipe.command != agreed or dict(recipe.env) != variables:
            lane.ask_consent()
            raise BuildError(
                f"the build command of {plugin} has changed meanwhile",
                hint="Look at the new command before you agree to it.",
                plugin=plugin,
            )
        self._shop.trust.trust(lane.folder, recipe)
        lane.want_build()
        await lane.settled()
        return lane.status

    def status(self, plugin: str) -> BuildStatus:
        """Where the build of a plugin stands, by its name or else its folder's; raises `UnknownPlugin`."""
        return self._lane(plugin).status

    def status_of(self, info: PluginInfo) -> BuildStatus:
        """Where the build of this very plugin stands, also if another one has the same name."""
        lane = self._lane_of(info)
        return BuildStatus(phase=BuildPhase.NONE) if lane is None else lane.status

    def _buildable_lane(self, plugin: str) -> Lane:
        if not self._builds:
            raise BuildError(
                "another workbench builds in this folder",
                hint="Build there, or close that one and open this one again.",
                plugin=plugin,
            )
        # Until the next look at the folders it may still have a lane.
        if any(
            info.state is PluginState.DISABLED for info in self._target.plugins() if plugin in (info.id, info.folder)
        ):
            raise BuildError(f"{plugin} is disabled", hint="Enable it to have it built.", plugin=plugin)
        return self._lane(plugin)

    def _lane(self, plugin: str) -> Lane:
        infos = self._target.plugins()
        for matches in (
            [info for info in infos if info.id == plugin and info.generation > 0],
            [info for info in infos if info.id == plugin],
            [info for info in infos if info.folder == plugin],
        ):
            for info in matches:
                lane = self._lane_of(info)
                if lane is not None:
                    return lane
            if matches:
                raise BuildError(f"there is nothing to build in {matches[0].path}", plugin=plugin)
        known = ", ".join(info.id for info in infos) or "none"
        raise UnknownPlugin(f"plugin not found: {plugin}", hint=f"Known plugins: {known}.")

    def _lane_of(self, info: PluginInfo) -> Lane | None:
        real = Path(os.path.realpath(info.path))
        return next((lane for lane in self._lanes.values() if lane.folder == real), None)

    async def _renew(self, lane: Lane) -> Recipe:
        """Read how the plugin is built right now; raises `BuildError`."""
        inputs, _ = await asyncio.to_thread(inputs_of, lane.folder)
        lane.renew(inputs)
        if inputs.problem is not None:
            summary, hint, place = inputs.problem
            raise BuildConfigError(summary, hint=hint, place=place, plugin=lane.plugin)
        if inputs.recipe is None:
            raise BuildError(
                f"{lane.plugin} has nothing to build from",
                hint=f"Put a {CONFIG_NAME} with a [build] table, or a plugin.wat, into {lane.folder}.",
                plugin=lane.plugin,
            )
        return inputs.recipe

    # --- watching

    async def _watch(self) -> None:
        """Look whenever there is a hint, when something unsettled is due, and now and then."""
        while True:
            await self._reason_to_look()
            self._hint.clear()
            begin_ns = time.monotonic_ns()
            self._has_failed = False
            try:
                await self._look_and_act()
            except Exception:
                self._has_failed = True
                _log.exception("a look at the plugin folders failed")
            self._look_s = (time.monotonic_ns() - begin_ns) / 1e9

    async def _reason_to_look(self) -> None:
        patience_s = self._timing.poll_s if self._watcher.needs_polling else self._timing.recheck_s
        patience_s = max(patience_s, self._look_s * _LOOK_SHARE)
        due = [lane.due_ns for lane in self._lanes.values()] + [self._shape.due_ns]
        soonest_ns = min((due_ns for due_ns in due if due_ns is not None), default=None)
        # What failed is not tried again at once.
        if soonest_ns is not None and not self._has_failed:
            patience_s = min(patience_s, max(_MIN_PAUSE_S, (soonest_ns - time.monotonic_ns()) / 1e9))
        try:
            async with asyncio.timeout(patience_s):
                await self._hint.wait()
        except TimeoutError:
            return

    async def _look_and_act(self) -> None:
        picture = await self.look()
        now_ns = time.monotonic_ns()
        shape = self._shape_of(picture)
        if self._shape.observe(shape, now_ns):
            await self._target.scan()
            self._renew_lanes(picture, builds=True)
        for entry in picture.entries:
            lane = self._lanes.get(entry.path)
            if lane is not None and lane.folder == entry.folder:
                await lane.observe(entry, picture.inputs[entry.path], now_ns)
        await self._watch_folders(picture)

    def _shape_of(self, picture: Picture) -> object:
        """Which plugins there are. The files of one that is new count too: it is taken up when they are complete."""
        fresh = [
            (str(entry.path), entry.manifest, entry.module)
            for entry in picture.entries
            if entry.path not in self._lanes
        ]
        # One that is switched off is nobody's affair; switching it on or off makes or ends its lane.
        disabled = frozenset(info.path for info in self._target.plugins() if info.state is PluginState.DISABLED)
        return picture.shape, tuple(fresh), disabled

    async def _watch_folders(self, picture: Picture) -> None:
        plan = WatchPlan(
            folders=picture.folders,
            parents=picture.parents,
            names=frozenset(root.name for root in self._roots),
        )
        if await self._watcher.watch(plan):
            self._hint.set()

    def _renew_lanes(self, picture: Picture, *, builds: bool) -> None:
        """One lane for each plugin that both the folders and the engine have."""
        lanes: dict[Path, Lane] = {}
        for entry, info in _matched(picture.entries, self._target.plugins()):
            if info.state is PluginState.DISABLED:
                continue
            old = self._lanes.get(entry.path)
            if old is not None and old.folder == entry.folder:
                old.plugin = info.id
                lanes[entry.path] = old
                continue
            lane = lanes[entry.path] = Lane(info.id, entry, picture.inputs[entry.path], self._shop)
            if old is not None:
                lane.want_refresh()  # a link points elsewhere: for the engine's scan that is the same entry
            if builds and lane.is_build_due:
                lane.want_build()
        for lane in self._lanes.values():
            if lane not in lanes.values():
                lane.close("the plugin's folder is gone")
        self._lanes = lanes
        self._shape.accept(self._shape_of(picture))

    def _report_degraded(self, reason: str) -> None:
        self._bus.publish(SourceWatchDegraded(time_ns=self._clock.now_ns(), reason=reason))


def _matched(entries: Sequence[Entry], infos: Sequence[PluginInfo]) -> list[tuple[Entry, PluginInfo]]:
    """Pairs of what lies on disk and what the engine knows: by real folder, else (a link that moved) by name."""
    by_folder = {os.path.realpath(info.path): info for info in infos}
    pairs: list[tuple[Entry, PluginInfo]] = []
    moved: list[Entry] = []
    for entry in entries:
        info = by_folder.pop(str(entry.folder), None)
        if info is None:
            moved.append(entry)
        else:
            pairs.append((entry, info))
    by_name = {info.folder: info for info in by_folder.values()}
    for entry in moved:
        info = by_name.pop(entry.name, None)
        if info is not None:
            pairs.append((entry, info))
    return pairs


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)

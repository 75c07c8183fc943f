"""One plugin's way from changed files to a reload.

A lane is told what its files look like (`observe`) and decides whether a build or a reload follows. Reloads run one
after the other. Lanes know nothing of each other.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from engine.calls import PluginId
from engine.errors import EngineClosed, UnknownPlugin
from engine.events import PluginState
from engine.plugins.discovery import MODULE_NAME
from engine.plugins.info import PluginInfo
from engine.plugins.manifest import MANIFEST_NAME
from workbench.devloop.build_config import Recipe
from workbench.devloop.builds import Builds
from workbench.devloop.events import FolderChanged
from workbench.devloop.fingerprint import FILE_BYTES_LIMIT, Stamp, digest_of, digest_of_all, stamp_of
from workbench.devloop.outline import BuildInputs, Entry
from workbench.devloop.settling import Settler
from workbench.devloop.status import BuildStatus
from workbench.devloop.workshop import Workshop

_SHOWN_PATHS: Final = 5

_LoadStamps = tuple[Stamp | None, Stamp | None]
"""Of manifest and module."""


class Lane:
    """The lane of one plugin; belongs to the loop's event loop."""

    def __init__(self, plugin: PluginId, entry: Entry, inputs: BuildInputs, shop: Workshop) -> None:
        """`entry` and `inputs` are what the engine has seen or soon will: no reload follows from them."""
        self.plugin = plugin
        self.path = entry.path
        self.folder = entry.folder
        self._shop = shop
        self._load: Settler[_LoadStamps] = Settler((entry.manifest, entry.module), settle_ns=shop.settle_ns)
        self._inputs: Settler[BuildInputs] = Settler(inputs, settle_ns=shop.settle_ns)
        self._manifest_digest = entry.manifest_digest
        self._source_digest: str | None = None
        self._refresh: asyncio.Task[None] | None = None
        self._is_refresh_wanted = False
        self._is_closed = False
        self._builds = Builds(
            entry.folder, shop, plugin=lambda: self.plugin, info=self._info, on_built=self._take_module
        )
        self._builds.reset(inputs, reason="")

    # --- looking

    @property
    def status(self) -> BuildStatus:
        """Where the build stands."""
        return self._builds.status

    @property
    def recipe(self) -> Recipe | None:
        """How the plugin is built, as of the last change that came to rest."""
        return self._inputs.accepted.recipe

    @property
    def due_ns(self) -> int | None:
        """When the lane wants to be shown its files again; None while nothing is unsettled."""
        load_ns = None if self._builds.writes_in_place(self.recipe) else self._load.due_ns
        return min((due for due in (load_ns, self._inputs.due_ns) if due is not None), default=None)

    @property
    def is_build_due(self) -> bool:
        """The module is missing or older than its newest source."""
        module, inputs = self._load.accepted[1], self._inputs.accepted
        is_older = module is None or any(stamp.mtime_ns > module.mtime_ns for _, stamp in inputs.files)
        return inputs.recipe is not None and is_older

    async def settled(self) -> None:
        """Wait until neither a build nor a reload is under way."""
        while pending := {task for task in (self._builds.task, self._refresh) if task is not None and not task.done()}:
            await asyncio.wait(pending)

    async def observe(self, entry: Entry, inputs: BuildInputs, now_ns: int) -> None:
        """Compare with what was acted on, and act on what has come to rest."""
        stamps = (entry.manifest, entry.module)
        if not self._builds.writes_in_place(self.recipe) and self._load.observe(stamps, now_ns):
            await self._act_on_load(stamps, entry.manifest_digest)
        if self._inputs.observe(inputs, now_ns):
            await self._act_on_inputs(inputs)

    # --- asking

    def renew(self, inputs: BuildInputs) -> None:
        """Take `inputs` as they are, for a build that somebody asks for right now."""
        if inputs != self._inputs.accepted:
            self._inputs.accept(inputs)
            self._source_digest = None
            self._builds.reset(inputs, reason="the files changed")

    def want_build(self) -> None:
        """Build now, if there is something to build and the user has agreed to the command."""
        if self.recipe is not None:
            self._builds.request(self.recipe)

    def ask_consent(self) -> None:
        """Report that the command is not the one the user has seen."""
        if self.recipe is not None:
            self._builds.refuse(self.recipe)

    def want_refresh(self) -> None:
        """Have the engine bring up what is on disk; requests during a reload make one more."""
        if self._is_closed:
            return  # the last build was just putting its module in place
        self._is_refresh_wanted = True
        if self._refresh is None or self._refresh.done():
            self._refresh = self._shop.tasks.spawn(f"reload {self.plugin}", self._refresh_until_current())

    def close(self, reason: str) -> None:
        """Stop what runs; the tasks end soon after."""
        self._is_closed = True
        self._is_refresh_wanted = False
        self._builds.stop(reason)

    # --- files changed

    async def _act_on_load(self, stamps: _LoadStamps, manifest_digest: str | None) -> None:
        before = self._load.accepted
        self._load.accept(stamps)
        is_same_manifest = manifest_digest == self._manifest_digest
        self._manifest_digest = manifest_digest
        if is_same_manifest and await self._serves(stamps[1]):
            return
        names = (MANIFEST_NAME, MODULE_NAME)
        changed = [name for name, old, new in zip(names, before, stamps, strict=True) if old != new]
        self._publish_changed(tuple(self.folder / name for name in changed))
        self.want_refresh()

    async def _serves(self, module: Stamp | None) -> bool:
        """Whether the engine runs exactly the bytes on disk, and no reload is about to bring up others."""
        info = self._info()
        if self._refresh is not None and not self._refresh.done():
            return False
        if info is None or info.state is not PluginState.READY or module is None or module.size > FILE_BYTES_LIMIT:
            return False
        return await asyncio.to_thread(digest_of, self.folder / MODULE_NAME) == info.module_sha256

    async def _act_on_inputs(self, inputs: BuildInputs) -> None:
        before = self._inputs.accepted
        self._inputs.accept(inputs)
        if inputs.recipe is None:
            self._builds.reset(inputs, reason="there is nothing to build from any more")
            return
        digest = await asyncio.to_thread(digest_of_all, inputs.files)
        is_new_recipe = inputs.recipe != before.recipe
        is_same = digest == self._source_digest and not is_new_recipe
        self._source_digest = digest
        if not is_same:
            changed = {path for path, _ in set(before.files) ^ set(inputs.files)}
            self._publish_changed(tuple(sorted(changed)[:_SHOWN_PATHS]))
            self._builds.request_again(inputs.recipe, is_new_recipe=is_new_recipe)

    # --- built and reloaded

    async def _take_module(self) -> None:
        """A build has put its module in place: that is nobody else's change, and is brought up at once.

        What counts is what the engine runs, not what the build changed: the bytes may be those of an earlier build
        that was stopped before they were brought up.
        """
        module = await asyncio.to_thread(stamp_of, self.folder / MODULE_NAME)
        self._load.accept((self._load.accepted[0], module))
        if not await self._serves(module):
            self.want_refresh()

    async def _refresh_until_current(self) -> None:
        while self._is_refresh_wanted:
            self._is_refresh_wanted = False
            try:
                self.plugin = (await self._shop.target.refresh(self.plugin)).id
            except (UnknownPlugin, EngineClosed):
                return  # it went away meanwhile, as the next look at the folders shows
            finally:
                self._shop.on_reloaded()

    def _info(self) -> PluginInfo | None:
        return next((info for info in self._shop.target.plugins() if info.id == self.plugin), None)

    def _publish_changed(self, paths: tuple[Path, ...]) -> None:
        self._shop.bus.publish(FolderChanged(time_ns=self._shop.clock.now_ns(), plugin=self.plugin, paths=paths))

"""The builds of one plugin: one at a time, a newer one stops the one before, each reported from start to end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from engine.calls import OutputStream, PluginId
from engine.events import PluginState, PluginWarned
from engine.plugins.discovery import MODULE_NAME
from engine.plugins.info import PluginInfo
from workbench.devloop.build_config import Recipe
from workbench.devloop.errors import BuildError
from workbench.devloop.events import (
    BuildCancelled,
    BuildFinished,
    BuildNotTrusted,
    BuildOutput,
    BuildStarted,
    BuildStateChanged,
)
from workbench.devloop.outline import BuildInputs
from workbench.devloop.placing import BuildResult
from workbench.devloop.status import BUILD_FAILED, BuildPhase, BuildStatus
from workbench.devloop.workshop import Workshop

_log = logging.getLogger(__name__)

MAX_SUPERSEDED: Final = 5
"""After so many builds in a row that were stopped by a change, one is left to run: its command may be the cause."""

_SERVING: Final = (PluginState.READY, PluginState.RELOADING, PluginState.STALE)


class Builds:
    """Runs the build step of the plugin in `folder`; belongs to the loop's event loop."""

    def __init__(
        self,
        folder: Path,
        shop: Workshop,
        *,
        plugin: Callable[[], PluginId],
        info: Callable[[], PluginInfo | None],
        on_built: Callable[[], Awaitable[None]],
    ) -> None:
        """`plugin` is asked at each event, as a manifest may change the name; `info` is what the engine says of it.

        `on_built` follows each module put in place, and precedes `BuildFinished`; it is awaited to its end even if
        the build is stopped meanwhile. `folder` is the real folder.
        """
        self._folder = folder
        self._shop = shop
        self._plugin = plugin
        self._info = info
        self._on_built = on_built
        self._status = BuildStatus(phase=BuildPhase.NONE)
        self._task: asyncio.Task[None] | None = None
        self._running = shop.building(folder)
        self._begin_ns: int | None = None
        self._stop_reason = ""
        self._superseded = 0
        self._is_held = False
        self._is_told_failed = False

    @property
    def status(self) -> BuildStatus:
        """Where the newest build stands."""
        return self._status

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The newest build; None before the first."""
        return self._task

    def writes_in_place(self, recipe: Recipe | None) -> bool:
        """A running command may have the module half written."""
        is_in_place = recipe is not None and not recipe.has_output_mark and recipe.output == MODULE_NAME
        return is_in_place and self._running.locked()

    def reset(self, inputs: BuildInputs, *, reason: str) -> None:
        """Stop what runs because of `reason`, and forget how the last build ended."""
        self.stop(reason)
        self._status = _idle_status(inputs)
        if inputs.problem is not None:
            summary, hint, place = inputs.problem
            self._shop.bus.publish(
                PluginWarned(time_ns=self._now_ns(), plugin=self._plugin(), summary=summary, hint=hint, place=place)
            )
            self._tell_state()
        elif self._is_told_failed:
            self._tell_state()

    def request(self, recipe: Recipe) -> None:
        """Build now, if the user has agreed to the command; a build that runs is stopped first."""
        if not self._shop.may_build():
            return
        if not self._shop.trust.is_trusted(self._folder, recipe):
            self.refuse(recipe)
            return
        self.stop("something newer is to be built")
        self._status = _status_of(recipe, BuildPhase.WAITING)
        self._task = self._shop.tasks.spawn(f"build {self._plugin()}", self._run(recipe))

    def request_again(self, recipe: Recipe, *, is_new_recipe: bool) -> None:
        """The sources changed: build, unless the running build seems to be what changes them."""
        if self._status.is_running and not is_new_recipe:
            self._superseded += 1
            if self._superseded > MAX_SUPERSEDED:
                self._is_held = True
                return
        self.request(recipe)

    def refuse(self, recipe: Recipe) -> None:
        """A build is due and not allowed: stop what runs, and say which command waits for consent."""
        self.stop("the command has changed")
        self._status = _status_of(recipe, BuildPhase.NOT_TRUSTED)
        self._shop.bus.publish(
            BuildNotTrusted(
                time_ns=self._now_ns(),
                plugin=self._plugin(),
                command=recipe.command,
                env=recipe.env,
                folder=self._folder,
            )
        )

    def stop(self, reason: str) -> None:
        """End a build that waits or runs; its task ends soon after."""
        if self._task is not None and not self._task.done():
            self._stop_reason = reason
            self._task.cancel()

    # --- one build

    async def _run(self, recipe: Recipe) -> None:
        # The build before this one may still be dying; its processes must not write beside this one's.
        async with self._running:
            self._begin_ns = None
            try:
                result = await self._shop.builder.build(
                    self._folder,
                    recipe,
                    self._pass_on,
                    on_begin=lambda: self._begin(recipe),
                    on_placed=self._on_built,
                )
                self._succeeded(recipe, result)
            except asyncio.CancelledError:
                self._cancelled()
                raise
            except BuildError as error:
                self._failed(recipe, error)
            except Exception as error:
                _log.exception("building %s failed inside the workbench", self._plugin())
                self._failed(recipe, BuildError(f"the workbench failed while building: {error}"))
            self._release()

    def _begin(self, recipe: Recipe) -> None:
        self._begin_ns = time.perf_counter_ns()
        self._status = _status_of(recipe, BuildPhase.BUILDING)
        self._shop.bus.publish(BuildStarted(time_ns=self._now_ns(), plugin=self._plugin(), command=recipe.command))

    def _pass_on(self, line: str, stream: OutputStream) -> None:
        self._shop.bus.publish(BuildOutput(time_ns=self._now_ns(), plugin=self._plugin(), line=line, stream=stream))

    def _succeeded(self, recipe: Recipe, result: BuildResult) -> None:
        duration_ns = self._end()
        self._status = _status_of(recipe, BuildPhase.IDLE)
        self._shop.bus.publish(
            BuildFinished(
                time_ns=self._now_ns(),
                plugin=self._plugin(),
                ok=True,
                duration_ns=duration_ns,
                exit_code=result.exit_code,
                error=None,
                is_changed=result.is_changed,
            )
        )
        # A module that changed is loaded now, and the engine tells the state; equal bytes are not.
        if self._is_told_failed and not result.is_changed:
            self._tell_state()
        self._is_told_failed = False

    def _failed(self, recipe: Recipe, error: BuildError) -> None:
        self._status = _status_of(recipe, BuildPhase.FAILED, error)
        self._shop.bus.publish(
            BuildFinished(
                time_ns=self._now_ns(),
                plugin=self._plugin(),
                ok=False,
                duration_ns=self._end(),
                exit_code=error.exit_code,
                error=error.summary,
                hint=error.hint,
                place=error.place,
            )
        )
        self._tell_state()

    def _tell_state(self) -> None:
        """Say where the plugin stands, now that its build failed or does so no more."""
        info, status = self._info(), self._status
        self._is_told_failed = status.phase is BuildPhase.FAILED
        if info is None:
            return  # the engine has let it go; the next look at the folders shows why
        serves = info.state in _SERVING
        self._shop.bus.publish(
            BuildStateChanged(
                time_ns=self._now_ns(),
                plugin=self._plugin(),
                state=BUILD_FAILED if self._is_told_failed else info.state,
                version=info.version if serves else "",
                generation=info.generation if serves else 0,
                reason=status.error if self._is_told_failed else info.error,
                hint=status.hint if self._is_told_failed else info.hint,
                place=status.place if self._is_told_failed else info.place,
            )
        )

    def _cancelled(self) -> None:
        if self._begin_ns is not None:
            self._shop.bus.publish(
                BuildCancelled(
                    time_ns=self._now_ns(),
                    plugin=self._plugin(),
                    reason=self._stop_reason or "the workbench is closing",
                    duration_ns=self._end(),
                )
            )

    def _end(self) -> int:
        """Nanoseconds since the build began; it has now been reported as over."""
        begin_ns, self._begin_ns = self._begin_ns, None
        return 0 if begin_ns is None else time.perf_counter_ns() - begin_ns

    def _release(self) -> None:
        """The build came to its own end; say so if changes during it were held back."""
        if self._is_held:
            self._shop.bus.publish(
                PluginWarned(
                    time_ns=self._now_ns(),
                    plugin=self._plugin(),
                    summary=f"the sources changed during {MAX_SUPERSEDED + 1} builds in a row; what changed during the "
                    "last one is taken as written by the build command",
                    hint='Leave generated files out of "sources" in workbench.toml; build again if it was you.',
                )
            )
        self._superseded, self._is_held = 0, False

    def _now_ns(self) -> int:
        return self._shop.clock.now_ns()


def _idle_status(inputs: BuildInputs) -> BuildStatus:
    if inputs.problem is not None:
        summary, hint, place = inputs.problem
        return BuildStatus(phase=BuildPhase.FAILED, error=summary, hint=hint, place=place)
    if inputs.recipe is None:
        return BuildStatus(phase=BuildPhase.NONE)
    return _status_of(inputs.recipe, BuildPhase.IDLE)


def _status_of(recipe: Recipe, phase: BuildPhase, error: BuildError | None = None) -> BuildStatus:
    return BuildStatus(
        phase=phase,
        command=recipe.command,
        env=recipe.env,
        is_builtin=recipe.is_builtin,
        error=error.summary if error else None,
        hint=error.hint if error else None,
        place=error.place if error else None,
    )

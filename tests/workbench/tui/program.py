"""The whole program without a terminal: the real screens over a real session on a test's folder of plugins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from tests.engine.harness import PluginHarness
from tests.workbench.tui.harness import picture
from workbench.session import Session
from workbench.tui.app import WorkbenchApp
from workbench.tui.panes.plugins_pane import PluginsPane
from workbench.tui.screens.main import MainScreen


class Program:
    """A running workbench, and how to wait for what it shows."""

    def __init__(self, app: WorkbenchApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def main(self) -> MainScreen:
        """The workbench's own screen, also under a dialog."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, MainScreen))

    def picture(self) -> str:
        """What is on the screen."""
        return picture(self.app.screen)

    def state_of(self, plugin: str) -> str | None:
        """The state that the list shows for a plugin; None when it is not listed."""
        statuses = self.main.query_one(PluginsPane).statuses
        return next((status.state for status in statuses if status.info.id == plugin), None)

    async def until(self, predicate: Callable[[], bool], what: str, *, limit_s: float = 10.0) -> None:
        """Let the program run until `predicate()` holds; fail with the picture when it does not in time."""
        end = time.monotonic() + limit_s
        while not predicate():
            assert time.monotonic() < end, f"gave up waiting for {what}; on the screen:\n{self.picture()}"
            # Not `pilot.pause`: waiting for every widget to be idle costs a tenth of a second.
            await asyncio.sleep(0.01)

    async def shows(self, *texts: str) -> None:
        """Wait until all of these are on the screen at once."""
        await self.until(lambda: all(text in self.picture() for text in texts), f"{texts!r}")

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Type a text of letters and digits."""
        await self.pilot.press(*text)


@asynccontextmanager
async def program(plugins: PluginHarness, *, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Program]:
    """The workbench on `plugins.folder`, with the session open; closed again, in time, at the end."""
    async with opened(lambda: Session(plugins.settings, (plugins.folder,)), size=size) as running:
        await running.until(lambda: running.app.bridge is not None and running.app.bridge.is_open, "the session")
        yield running


@asynccontextmanager
async def opened(make_session: Callable[[], Session], *, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Program]:
    """The workbench as it starts."""
    app = WorkbenchApp(make_session)
    app.animation_level = "none"
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Program(app, pilot)
    finally:
        assert await asyncio.to_thread(app.close_session, 10.0), "the session did not close in time"


def save(path: Path, text: str) -> None:
    """Write a file as an editor does: a new one in its place."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)

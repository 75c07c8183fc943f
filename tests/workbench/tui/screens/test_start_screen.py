"""The start: a picture before the engine, and a failure that can be read."""

from __future__ import annotations

import subprocess
import sys
import threading

from engine.errors import SettingsError
from tests.engine.harness import PluginHarness
from tests.workbench.tui.program import opened
from workbench.session import Session
from workbench.tui.screens.main import MainScreen
from workbench.tui.screens.start import StartScreen


async def test_the_screen_is_there_while_the_session_still_opens(plugins: PluginHarness) -> None:
    may_open = threading.Event()

    def make_session() -> Session:
        may_open.wait(10)
        return Session(plugins.settings, (plugins.folder,))

    async with opened(make_session) as running:
        await running.until(lambda: isinstance(running.app.screen, MainScreen), "the workbench")
        await running.shows("Starting…")
        may_open.set()
        await running.shows("No plugin was found")


async def test_why_the_engine_cannot_open_is_shown_and_q_leaves() -> None:
    def make_session() -> Session:
        raise SettingsError("navidrome.toml:3: [Workbench] has no setting Colour", hint="Remove it.")

    async with opened(make_session) as running:
        await running.shows("The workbench could not start.", "no setting Colour", "Remove it.")
        assert isinstance(running.app.screen, StartScreen)
        await running.press("q")
        await running.until(lambda: not running.app.is_running, "the end")
    assert running.app.return_code == 1


def test_the_first_paint_needs_nothing_of_the_engine() -> None:
    # It takes about 0.3 s to import: wasmtime, protobuf, jsonschema.
    code = (
        "import sys, workbench.tui.app, workbench.tui.run;"
        "print([name for name in sys.modules if name.split('.')[0] in ('engine', 'wasmtime', 'google', 'httpx')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"

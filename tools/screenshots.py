"""Makes the pictures of the README: the workbench on its samples, driven by keys, exported by the program itself.

`python -m tools.screenshots` (or `make screens`) writes `docs/screens/*.svg`; the samples must be built.
"""

from __future__ import annotations

import asyncio
import functools
import re
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from textual.widget import Widget

from engine.settings import Settings
from tests.workbench.tui.program import Program, opened
from workbench.demo.samples import sample_sources
from workbench.demo.services import DemoServices, demo_settings
from workbench.session import Session
from workbench.tui.panes.plugins_pane import PluginsPane
from workbench.tui.panes.trace_pane import TracePane

SCREENS: Final = Path(__file__).resolve().parent.parent / "docs" / "screens"
SIZE: Final = (120, 34)
_FONT_FACES: Final = re.compile(r"@font-face\s*\{[^}]*\}\s*")
"""Textual's export names a font on a public server; the pictures use whatever monospace font the reader has."""


async def take() -> None:
    """Write all pictures."""
    with tempfile.TemporaryDirectory() as home, ExitStack() as running:

        def make_session() -> Session:
            services = running.enter_context(DemoServices())
            base = Settings.load(environ={"HOME": home})
            samples = sample_sources()
            return Session(demo_settings(base, services), (samples,), trusted_roots=(samples,))

        async with opened(make_session, size=SIZE) as program:
            await program.until(lambda: program.app.bridge is not None and program.app.bridge.is_open, "the session")
            for plugin in ("lyre-metadata", "misbehaver"):
                await program.until(functools.partial(_is_ready, program, plugin), plugin, limit_s=120)
            await _call(program, "lyre-metadata")
            await program.shows('"mbid"')
            _save(program, "call")
            await _call(program, "misbehaver")
            await program.shows("panic: misbehaver")
            await program.press("f4")
            await program.until(lambda: _has_focus(program, TracePane), "the trace")
            await program.press("end", "enter")
            await program.shows("runtime.gopanic")
            _save(program, "trace")


async def _call(program: Program, plugin: str) -> None:
    """Choose a plugin from the list, fill its form with a known artist and send."""
    if not _has_focus(program, PluginsPane):  # the key also closes the list
        await program.press("f2")
        await program.until(lambda: _has_focus(program, PluginsPane), "the list")
    await program.press("home")
    for status in program.main.query_one(PluginsPane).statuses:
        if status.info.id == plugin:
            break
        await program.press("down")
    await program.press("enter")
    await program.shows(f"{plugin} MetadataAgent.GetArtistMBID")
    await program.press("f7", "f5")


def _is_ready(program: Program, plugin: str) -> bool:
    return program.state_of(plugin) == "ready"


def _has_focus(program: Program, pane: type[Widget]) -> bool:
    focused = program.main.focused
    return focused is not None and any(isinstance(node, pane) for node in focused.ancestors_with_self)


def _save(program: Program, name: str) -> None:
    svg = program.app.export_screenshot(title="Navidrome Plugin Workbench")
    SCREENS.mkdir(parents=True, exist_ok=True)
    (SCREENS / f"{name}.svg").write_text(_FONT_FACES.sub("", svg), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(take())

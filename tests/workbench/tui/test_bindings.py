"""Keys: every action has a stable id and says what it does, and can be given another key."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from textual.binding import Binding
from textual.dom import DOMNode

import workbench.tui
from tests.engine.guests import plugin_wat
from tests.engine.harness import PluginHarness
from tests.workbench.tui.program import Program
from workbench.session import Session
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.text_dialog import TextDialog


def own_classes() -> Iterator[type[DOMNode]]:
    """Every widget and screen class of the workbench."""
    for module in pkgutil.walk_packages(workbench.tui.__path__, "workbench.tui."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, DOMNode) and value.__module__ == module.name:
                yield value


def own_bindings() -> Iterator[tuple[type[DOMNode], Binding]]:
    for kind in own_classes():
        for binding in kind.__dict__.get("BINDINGS", ()):
            assert isinstance(binding, Binding), f"{kind.__name__} declares {binding!r} without an id"
            yield kind, binding


def test_every_binding_has_an_id_of_its_own_and_explains_itself() -> None:
    ids: dict[str, str] = {}
    for kind, binding in own_bindings():
        where = f"{kind.__name__} {binding.key}"
        assert binding.id, f"{where} has no id"
        assert binding.description and binding.tooltip, f"{where} does not say what it does"
        assert ids.setdefault(binding.id, where) == where, f"{binding.id} stands for {ids[binding.id]} and {where}"
    assert len(ids) > 30


def test_no_key_needs_a_terminal_that_few_people_have() -> None:
    # ctrl with h, i, j and m is backspace, tab and enter; the rest needs the kitty protocol.
    for kind, binding in own_bindings():
        for key in binding.key.split(","):
            assert key not in {"ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+enter"}, f"{kind.__name__}: {key}"
            assert not key.startswith("ctrl+shift+"), f"{kind.__name__}: {key}"


async def test_the_settings_can_give_an_action_another_key(plugins: PluginHarness) -> None:
    plugins.write(plugin_wat(), folder="probe")
    app = WorkbenchApp(lambda: Session(plugins.settings, (plugins.folder,)), keymap={"plugin.detail": "v"})
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            running = Program(app, pilot)
            await running.until(lambda: app.bridge is not None and app.bridge.is_open, "the session")
            await running.until(lambda: running.state_of("probe") == "ready", "the plugin")
            await running.press("d")
            assert not isinstance(app.screen, TextDialog)
            await running.press("v")
            assert isinstance(app.screen, TextDialog)
    finally:
        assert app.close_session(10)

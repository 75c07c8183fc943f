from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def modules_after(*names: str) -> set[str]:
    """What a fresh interpreter has loaded after importing `names`."""
    code = f"import {', '.join(names)}, sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    "names",
    [
        ("workbench.inert",),
        ("workbench.trace.view", "workbench.trace.detail", "workbench.trace.exporters"),
        ("workbench.tui.guard", "workbench.tui.terminal"),
    ],
    ids=lambda names: str(names[0]),
)
def test_what_the_command_line_shares_loads_no_terminal_library(names: tuple[str, ...]) -> None:
    assert modules_after(*names).isdisjoint({"textual", "rich", "click"})


def test_the_panes_do_not_load_the_engine_before_there_is_something_to_show() -> None:
    loaded = modules_after(
        "workbench.tui.panes.trace_pane", "workbench.tui.panes.log_pane", "workbench.tui.widgets.detail_view"
    )
    assert loaded.isdisjoint({"engine", "google.protobuf", "wasmtime"})

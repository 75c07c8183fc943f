"""What the engine says of a plugin's folder, on stderr and as JSON: for `plugin validate`, and before `plugin pack`."""

from __future__ import annotations

import sys
from pathlib import Path

from engine import Engine, Event, EventBus, Settings
from engine.errors import EngineError
from engine.events import CacheFaulted, CompileStarted, EngineWarned
from engine.inspection import Inspection
from workbench.cli.diagnostics import complain, place_text, say
from workbench.inert import display_lines
from workbench.trace.describe import describe


async def judge(folder: Path, settings: Settings, *, may_start: bool) -> Inspection:
    """Everything the engine would refuse the plugin in `folder` for; with `may_start` false nothing of it runs."""
    bus = EventBus()
    bus.subscribe(_mention)
    async with Engine(settings, folders=(), bus=bus) as engine:
        return await engine.inspect(folder, may_start=may_start)


def complain_of_all(errors: tuple[EngineError, ...]) -> None:
    """Say on stderr what is wrong, each thing with its place and what to do about it."""
    for error in errors:
        complain(error.summary, hint=error.hint, place=place_text(error.place))


def notes_of(inspection: Inspection) -> list[str]:
    """What is to be known beside the errors."""
    if inspection.missing_module is None:
        return list(inspection.notes)
    return [*inspection.notes, f"there is no plugin.wasm yet. {inspection.missing_module.hint}"]


def as_json(folder: Path, inspection: Inspection) -> dict[str, object]:
    """What `plugin validate --json` prints."""
    return {
        "folder": str(folder),
        "ok": not inspection.errors,
        "errors": [
            {"error": error.summary, "hint": error.hint, "place": place_text(error.place)}
            for error in inspection.errors
        ],
        "notes": notes_of(inspection),
        "checked": [step.value for step in inspection.steps],
    }


def _mention(event: Event) -> None:
    """On any thread: what goes on meanwhile, on stderr; progress only for somebody who watches."""
    is_progress = isinstance(event, CompileStarted) and sys.stderr.isatty()
    if is_progress or isinstance(event, EngineWarned | CacheFaulted):
        _, text = describe(event)
        say(*display_lines(text))

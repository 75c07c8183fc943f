"""How `watch` tells its facts; that it notices them is shown in tests/e2e."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from engine import Settings
from engine.calls import LogLine, OutputStream, PluginId
from engine.events import EngineWarned, Event, GuestWrote, InstanceDiscarded, PluginState, PluginStateChanged
from workbench.cli.interrupts import Interruption
from workbench.cli.watching import Watch, json_lines, json_loss, text_lines, text_loss

PLUGIN = PluginId("probe")


def state(name: PluginState, **details: str) -> Event:
    return PluginStateChanged(time_ns=0, plugin=PLUGIN, state=name, version="1.0.0", generation=1, **details)  # type: ignore[arg-type]


def test_a_fact_is_a_line_with_time_plugin_and_words() -> None:
    (line,) = text_lines(state(PluginState.READY))
    assert line[2] == line[5] == ":"
    assert line[8:] == "  probe: ready, version 1.0.0"


def test_facts_of_the_engine_itself_name_no_plugin() -> None:
    assert text_lines(EngineWarned(time_ns=0, summary="odd"))[0][8:] == "  odd"


def test_the_lines_of_one_fact_are_aligned() -> None:
    first, second = text_lines(state(PluginState.FAILED, reason="one\ntwo"))
    assert first.endswith("failed: one")
    assert second == "          two"


def test_what_every_call_does_is_left_to_json() -> None:
    event = InstanceDiscarded(time_ns=5, plugin=PLUGIN, instance_id=1, reason="used")
    assert text_lines(event) == []
    (line,) = json_lines(event)
    assert json.loads(line).items() >= {"event": "instance_discarded", "plugin": "probe", "time_ns": 5}.items()


def test_guest_output_cannot_control_the_terminal() -> None:
    hostile = LogLine(stream=OutputStream.STDERR, text="\x1b[2J\u202e\x9b0m", time_ns=0)
    event = GuestWrote(time_ns=0, plugin=PluginId("\x1bpro\u200bbe"), call_id=None, line=hostile)
    assert "stderr: ␛[2J" in text_lines(event)[0]
    for line in (*text_lines(event), *json_lines(event)):
        assert line.isprintable()


def test_lost_facts_are_counted_in_both_forms() -> None:
    assert "7 facts lost" in text_loss(7)
    assert json.loads(json_loss(7)) == {"event": "facts_lost", "count": 7}


async def test_a_signal_while_the_session_opens_ends_it_at_once(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    settings = Settings.load(environ={"HOME": str(tmp_path)}, plugins_folder=tmp_path / "plugins")
    watch = Watch(settings=settings, folders=(tmp_path / "plugins",), is_trusted=False, is_json=True)
    gave_up = asyncio.Event()
    interruption = Interruption(gave_up.set)
    task = asyncio.create_task(watch.run(interruption))
    await asyncio.sleep(0)  # lets it begin to open, which takes several turns of the loop
    interruption.receive(signal.SIGTERM)
    assert gave_up.is_set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

"""How `watch` tells its facts; that it notices them is shown in tests/e2e."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import sys
from pathlib import Path

import pytest

from engine import Settings
from engine.calls import LogLine, Outcome, OutputStream, PluginId
from engine.events import (
    EngineWarned,
    Event,
    GuestWrote,
    InstanceDiscarded,
    InstanceStarted,
    PluginState,
    PluginStateChanged,
    PoolChanged,
)
from tests.engine.guests import plugin_wat
from tests.engine.harness import PluginHarness
from tests.workbench.trace import facts
from workbench.cli.interrupts import Interruption
from workbench.cli.watching import Watch, is_told, json_lines, json_loss, text_lines, text_loss

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


INSIDE: list[Event] = [
    InstanceStarted(time_ns=5, plugin=PLUGIN, instance_id=1, generation=1, duration_ns=1, memory_bytes=1),
    InstanceDiscarded(time_ns=5, plugin=PLUGIN, instance_id=1, reason="used"),
    PoolChanged(time_ns=5, plugin=PLUGIN, idle=1, busy=0, waiting=0, started=1),
]


def call(outcome: Outcome) -> Event:
    return facts.finished(facts.result(1, outcome=outcome))


@pytest.mark.parametrize(
    ("event", "in_words", "in_json"),
    [
        *[(event, False, False) for event in INSIDE],
        (call(Outcome.OK), False, True),
        (call(Outcome.TRAP), True, True),
        (state(PluginState.READY), True, True),
        (EngineWarned(time_ns=0, summary="odd"), True, True),
    ],
)
def test_what_instances_and_pools_do_is_left_out_and_in_words_calls_that_went_well(
    event: Event, in_words: bool, in_json: bool
) -> None:
    assert is_told(event, is_json=False) is in_words
    assert is_told(event, is_json=True) is in_json


@pytest.mark.parametrize("event", INSIDE, ids=lambda event: type(event).__name__)
def test_every_event_has_both_forms_for_whoever_wants_all(event: Event) -> None:
    (words,) = text_lines(event)
    (line,) = json_lines(event)
    assert words[8:].startswith("  probe: ")
    assert json.loads(line)["plugin"] == "probe"


class Output(io.StringIO):
    """A stdout that tells when a plugin is ready."""

    def __init__(self) -> None:
        super().__init__()
        self.is_ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def write(self, text: str) -> int:
        if '"state":"ready"' in text:
            self._loop.call_soon_threadsafe(self.is_ready.set)
        return super().write(text)


@pytest.mark.parametrize("tells_all", [False, True])
async def test_the_facts_are_not_flooded_by_pools_unless_all_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tells_all: bool
) -> None:
    harness = PluginHarness(tmp_path / "harness")
    harness.write(plugin_wat({"metadata_agent_get_artist_biography": "(i64.const 0)"}))
    folders = (harness.folder,)
    watch = Watch(settings=harness.settings, folders=folders, is_trusted=False, is_json=True, tells_all=tells_all)
    stdout = Output()
    monkeypatch.setattr(sys, "stdout", stdout)
    interruption = Interruption(lambda: task.cancel())
    task = asyncio.create_task(watch.run(interruption))
    async with asyncio.timeout(20):
        await stdout.is_ready.wait()
        interruption.receive(signal.SIGTERM)
        await asyncio.wait({task})  # cancelled, if the plugin was ready before the session had opened
    kinds = {json.loads(line)["event"] for line in stdout.getvalue().splitlines()}
    assert kinds >= {"engine_opened", "compile_finished", "plugin_state_changed", "engine_closed"}
    assert bool(kinds & {"instance_started", "instance_discarded", "pool_changed"}) is tells_all


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

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.calls import Outcome, TrapReport
from engine.contracts.host.http_pb2 import HttpRequest, HttpResponse
from engine.errors import Place
from engine.events import CompileFinished, EngineOpened, Event, PluginState, PluginStateChanged
from tests.workbench.trace import facts
from tests.workbench.trace.test_describe import CASES
from workbench.devloop.events import BuildNotTrusted
from workbench.trace.exporters import (
    MAX_BRIEF_BYTES,
    brief_subject,
    event_lines,
    event_to_json,
    host_call_to_json,
    json_line,
    log_line_to_json,
    result_to_json,
    subject_to_json,
)
from workbench.trace.store import TraceStore


@pytest.mark.parametrize("event", [event for event, _, _ in CASES], ids=lambda event: type(event).__name__)
def test_every_event_becomes_one_line_of_plain_ascii(event: Event) -> None:
    line = json_line(event_to_json(event))
    assert "\n" not in line
    assert line.isascii()
    assert line.isprintable()
    value = json.loads(line)
    assert value["event"]
    assert value["time_ns"] == event.time_ns


def test_fields_have_the_forms_scripts_rely_on() -> None:
    event = CompileFinished(
        time_ns=5, plugin=facts.LYRE, module_sha256="ab", is_cached=True, duration_ns=1_500_000, code_bytes=9
    )
    assert event_to_json(event) == {
        "event": "compile_finished",
        "time_ns": 5,
        "plugin": "lyre",
        "module_sha256": "ab",
        "is_cached": True,
        "duration_ms": 1.5,
        "code_bytes": 9,
        "tier": "optimised",
        "is_background": False,
    }
    assert event_to_json(EngineOpened(time_ns=1, folders=(Path("a"),)))["folders"] == ["a"]


def test_states_places_and_maps_are_written_out() -> None:
    event = PluginStateChanged(
        time_ns=0,
        plugin=facts.LYRE,
        state=PluginState.FAILED,
        version="",
        generation=0,
        reason="bad",
        place=Place(file=Path("manifest.json"), line=3),
    )
    value = event_to_json(event)
    assert value["state"] == "failed"
    assert value["place"] == {
        "file": "manifest.json",
        "line": 3,
        "column": None,
        "pointer": None,
        "export": None,
        "text": "manifest.json:3",
    }
    trust = BuildNotTrusted(
        time_ns=0, plugin=facts.LYRE, command=("make",), env={"GOOS": "wasip1", "NOTE": "token=t"}, folder=Path("lyre")
    )
    assert event_to_json(trust)["env"] == {"GOOS": "wasip1", "NOTE": "token=••••••"}


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ("`call --json`", result_to_json(facts.result(1))),
        ("one of `host_calls`", host_call_to_json(facts.host_call())),
        ("one of `logs`", log_line_to_json(facts.log_line("x"))),
    ],
)
def test_the_members_that_the_readme_promises_are_those_there_are(row: str, value: dict[str, object]) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    [line] = [line for line in readme.splitlines() if line.startswith(f"| {row} |")]
    assert re.findall("`([a-z_]+)`", line.removeprefix(f"| {row} |")) == list(value)


def test_environment_and_arguments_of_a_command_are_judged_by_their_names() -> None:
    event = BuildNotTrusted(
        time_ns=0,
        plugin=facts.LYRE,
        command=("deploy", "--token", "abc"),
        env={"API_TOKEN": "abc", "GOOS": "wasip1"},
        folder=Path("lyre"),
    )
    value = event_to_json(event)
    assert value["env"] == {"API_TOKEN": "••••••", "GOOS": "wasip1"}
    assert value["command"] == ["deploy", "--token", "••••••"]
    assert json_line(event_to_json(event, reveal=True)).count("abc") == 2


def test_a_brief_copy_is_small_whatever_the_call_holds() -> None:
    large = HttpResponse(body=b"x" * 4_000_000)
    store = TraceStore()
    for event in facts.whole_call(1, host_calls=[facts.host_call(response=large) for _ in range(9)]):
        store.accept(event)
    store.drain()
    record = store.call(0)
    assert record is not None
    value = subject_to_json(brief_subject(record))
    assert len(json_line(value)) < 2 * MAX_BRIEF_BYTES
    assert value["response"] == {"mbid": "nina"}
    assert len(json_line(subject_to_json(brief_subject(record.host_calls[0])))) < MAX_BRIEF_BYTES
    calls = value["host_calls"]
    assert isinstance(calls, list)
    assert [call["is_shortened"] for call in calls][-1] is True


def test_a_result_has_what_the_command_line_promises() -> None:
    call = facts.host_call(notes=["went round"])
    trap = TrapReport(code="unreachable", message="wasm trap", frames=("f",))
    answer = facts.result(
        1, outcome=Outcome.TRAP, error="stopped", hint="h", host_calls=[call], logs=[facts.log_line("hi")], trap=trap
    )
    value = json.loads(json_line(result_to_json(answer)))
    promised = "plugin version method ok outcome response error duration_ms timings host_calls logs"
    assert set(promised.split()) <= value.keys()
    assert (value["plugin"], value["version"], value["method"]) == ("lyre", "1.2.3", facts.METHOD)
    assert (value["ok"], value["outcome"], value["response"], value["error"]) == (False, "trap", None, "stopped")
    assert value["duration_ms"] == 2.41
    assert value["timings"]["host_ms"] == 1.5
    assert value["logs"] == [{"stream": "stderr", "text": "hi", "time_ns": facts.START_NS, "is_cut": False}]
    assert value["host_calls"][0]["method"] == "HttpService.Get"
    assert value["host_calls"][0]["notes"] == ["went round"]
    assert value["request"] == {"id": "1", "name": "Nina Simone"}
    assert value["trap"]["frames"] == ["f"]


def test_a_finished_call_carries_its_result() -> None:
    answer = facts.result(1)
    assert event_to_json(facts.finished(answer))["result"] == result_to_json(answer)


def test_secrets_are_hidden_unless_asked_for() -> None:
    call = facts.host_call(
        message=HttpRequest(url="http://a/?token=abc", headers={"Authorization": "Basic abc"}),
        response=HttpResponse(body=b"password=abc"),
        error="Get http://a/?token=abc: refused",
    )
    answer = facts.result(1, host_calls=[call], logs=[facts.log_line("token=abc")])
    for event in (facts.finished(answer), facts.host_finished(1, call)):
        assert "abc" not in json_line(event_to_json(event))
        assert "abc" in json_line(event_to_json(event, reveal=True))


def test_rows_of_the_trace_are_exported_as_far_as_they_are_known() -> None:
    store = TraceStore()
    call = facts.host_call()
    for event in (facts.started(1), facts.host_started(1, call)):
        store.accept(event)
    store.drain()
    record = store.call(0)
    assert record is not None
    running = subject_to_json(record)
    assert (running["outcome"], running["request"]) == ("running", {"id": "1", "name": "Nina Simone"})
    assert running["host_calls"] == [{"method": "HttpService.Get", "outcome": "running"}]
    answer = facts.result(1, host_calls=[call])
    store.accept(facts.finished(answer))
    store.drain()
    assert subject_to_json(record) == result_to_json(answer)
    assert subject_to_json(record.host_calls[0])["ok"] is True
    assert subject_to_json(facts.wrote("x"))["event"] == "guest_wrote"


def test_events_are_exported_line_by_line() -> None:
    lines = list(event_lines(facts.whole_call(1)))
    assert [json.loads(line)["event"] for line in lines] == ["call_started", "call_finished"]

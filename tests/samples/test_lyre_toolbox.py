"""lyre-toolbox: every method of every host service through a real plugin, answered as JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from engine.calls import CallResult, Outcome
from engine.clock import VirtualClock
from engine.contracts.api_pb2 import ArtistBiographyResponse
from engine.contracts.registry import HOST_SERVICES
from engine.events import CallFinished
from tests.samples.bench import OpenSample, SampleBench
from workbench.demo.presets import DEMO_USER

pytestmark = pytest.mark.go

PLUGIN = "lyre-toolbox"
METHODS = [method.full_name for service in HOST_SERVICES.values() for method in service.methods.values()]


async def used(sample: OpenSample, tool: str, request: object = None) -> CallResult:
    """Use one tool."""
    text = "" if request is None else json.dumps(request)
    return await sample.call("GetArtistBiography", {"name": tool, "id": text})


def answer(result: CallResult) -> Any:
    """What the toolbox answered."""
    assert result.outcome is Outcome.OK, result.error
    assert isinstance(result.response, ArtistBiographyResponse)
    return json.loads(result.response.biography)


async def response(sample: OpenSample, tool: str, request: object = None) -> dict[str, Any]:
    """The response that a tool reports."""
    report: dict[str, Any] = answer(await used(sample, tool, request))
    assert report["tool"] == tool
    found: dict[str, Any] = report["response"]
    return found


async def test_it_lists_every_method_of_every_host_service(samples: SampleBench) -> None:
    async with samples.open(PLUGIN) as sample:
        listed = answer(await used(sample, "tools"))
    assert sorted(report["tool"] for report in listed) == sorted(METHODS)


async def test_every_example_reaches_its_method_and_brings_something(samples: SampleBench) -> None:
    async with samples.open(PLUGIN) as sample:
        result = await used(sample, "all")
        assert sample.engine.sockets.list(PLUGIN) == ()
        assert [item.schedule_id for item in sample.engine.schedules.list(PLUGIN)] == ["once"]
    done = {report["tool"]: report["response"] for report in answer(result)}
    # The settings are read first.
    assert [call.method for call in result.host_calls][1:] == list(done)
    assert sorted(done) == sorted(METHODS)
    assert {tool: response["error"] for tool, response in done.items() if response.get("error")} == {}
    assert done["HttpService.Get"]["status"] == 200
    assert done["ConfigService.GetConfig"] == done["ConfigService.GetPluginConfig"]
    assert done["ConfigService.GetConfig"]["config"]["user"] == DEMO_USER
    assert done["CacheService.GetString"] == {"exists": True, "value": "lyre"}
    assert done["CacheService.GetInt"] == {"exists": True, "value": 7}
    assert done["CacheService.GetFloat"] == {"exists": True, "value": 0.5}
    assert done["CacheService.GetBytes"] == {"exists": True, "value": base64.b64encode(b"\0\xff").decode()}
    assert done["CacheService.Has"] == {"exists": False}
    assert done["SchedulerService.CancelSchedule"]["success"] is True
    assert json.loads(done["SubsonicAPIService.Call"]["json"])["subsonic-response"]["status"] == "ok"


@pytest.mark.parametrize("kind", ["Artist", "Album", "Track"])
async def test_a_request_of_ones_own_takes_the_place_of_the_example(samples: SampleBench, kind: str) -> None:
    async with samples.open(PLUGIN) as sample:
        plain = await response(sample, f"ArtworkService.Get{kind}Url", {"id": "x"})
        sized = await response(sample, f"ArtworkService.Get{kind}Url", {"id": "x", "size": 64})
    assert "/share/img/" in plain["url"]
    assert sized["url"] == f"{plain['url']}?size=64"


@pytest.mark.parametrize(
    ("tool", "request_value", "error"),
    [
        ("HttpService.Get", {"url": "http://192.0.2.1/"}, "does not match any allowed URL patterns"),
        ("SchedulerService.CancelSchedule", {"schedule_id": "none"}, "schedule not found"),
        ("WebSocketService.SendText", {"connection_id": "none", "message": "x"}, "connection not found"),
        ("WebSocketService.Connect", {"url": "ws://127.0.0.1:1/"}, "failed to connect to WebSocket server: "),
        ("SubsonicAPIService.Call", {"url": "ping?u=eve"}, "username eve is not allowed"),
    ],
)
async def test_what_a_host_service_refuses_is_reported_in_its_words(
    samples: SampleBench, tool: str, request_value: object, error: str
) -> None:
    async with samples.open(PLUGIN) as sample:
        assert error in (await response(sample, tool, request_value))["error"]


async def test_a_refusal_without_an_error_field_ends_the_call(samples: SampleBench) -> None:
    async with samples.open(PLUGIN) as sample:
        result = await used(sample, "SchedulerService.ScheduleRecurring", {"cron_expression": "at tea time"})
    assert result.outcome is Outcome.TRAP
    assert "failed to schedule recurring job: " in str(result.error)


@pytest.mark.parametrize("text", ["{", "[]", '{"key": 1}', '{"kee": "x"}'])
async def test_a_request_that_does_not_fit_is_an_error_of_the_plugin(samples: SampleBench, text: str) -> None:
    async with samples.open(PLUGIN) as sample:
        result = await sample.call("GetArtistBiography", {"name": "CacheService.Has", "id": text})
    assert result.outcome is Outcome.ERROR
    assert "the request for CacheService.Has: " in str(result.error)


async def test_an_unknown_tool_is_not_found_and_the_log_says_how_to_go_on(samples: SampleBench) -> None:
    async with samples.open(PLUGIN) as sample:
        result = await used(sample, "CacheService.Clear")
    assert result.outcome is Outcome.NOT_FOUND
    assert [line.text for line in result.logs] == [
        'lyre-toolbox: there is no tool "CacheService.Clear"; "tools" lists them'
    ]


async def test_it_logs_what_its_schedule_brings(samples: SampleBench) -> None:
    clock = VirtualClock()
    async with samples.open(PLUGIN, clock=clock) as sample:
        await response(sample, "SchedulerService.ScheduleOneTime")
        now = await response(sample, "SchedulerService.TimeNow")
        assert now["unix_milli"] == clock.now_ns() // 1_000_000
        await clock.advance(60)
        [callback] = [event.result for event in sample.of(CallFinished) if event.result.cause == "schedule once"]
    assert [line.text for line in callback.logs] == ['lyre-toolbox: schedule "once" with "a minute later"']

"""What host services promise: keys that stay apart, ids, time limits."""

from __future__ import annotations

import asyncio
import re

from websockets.asyncio.server import Server, ServerConnection, serve

from engine.calls import PluginId
from engine.clock import VirtualClock
from engine.contracts.host.cache_pb2 import GetRequest, GetStringResponse, SetStringRequest
from engine.contracts.host.scheduler_pb2 import ScheduleOneTimeRequest
from engine.host import CacheService, SchedulerService
from engine.host.http import request_timeout_s
from engine.settings import Limits
from tests.engine.host.fake_host import FakeHost
from tests.engine.host.fake_scope import FakeScope
from tests.engine.host.socket_bench import socket_bench, socket_scope
from tests.spec.cases import Case


def key_isolation(case: Case) -> None:
    assert case.value["safe"].startswith("separate")
    service = case.value["service"]
    if service == "scheduler":
        asyncio.run(_schedules_stay_apart(case.value["first"], case.value["second"]))
        return
    if service == "websocket":
        asyncio.run(_connections_stay_apart(case.value["first"], case.value["second"]))
        return
    assert service == "cache", f"no check for the keys of the {service} service"
    first, second = case.value["first"], case.value["second"]
    cache = CacheService(VirtualClock(), Limits())
    for owner in (first, second):
        scope = FakeScope(plugin=PluginId(owner["plugin"]))
        cache.set_string(SetStringRequest(key=owner["key"], value=owner["plugin"]), scope)
    for owner in (first, second):
        answer = cache.get_string(GetRequest(key=owner["key"]), FakeScope(plugin=PluginId(owner["plugin"])))
        assert answer == GetStringResponse(exists=True, value=owner["plugin"])


async def _schedules_stay_apart(first: dict[str, str], second: dict[str, str]) -> None:
    host = FakeHost(clock=VirtualClock())
    scheduler = SchedulerService(Limits(), callbacks=1)
    scheduler.start(host)
    for owner in (first, second):
        request = ScheduleOneTimeRequest(delay_seconds=60, schedule_id=owner["key"], payload=owner["plugin"].encode())
        scheduler.schedule_one_time(request, FakeScope(plugin=PluginId(owner["plugin"])))
    kept = [(item.plugin, item.schedule_id, item.payload.decode()) for item in scheduler.schedules.list()]
    assert kept == [(owner["plugin"], owner["key"], owner["plugin"]) for owner in (first, second)]


def websocket_id(case: Case) -> None:
    asyncio.run(_id_works(case.value["connection_id"]))


async def _connections_stay_apart(first: dict[str, str], second: dict[str, str]) -> None:
    async with serve(_echo, "127.0.0.1", 0) as server, socket_bench() as bench:
        for owner in (first, second):
            scope = socket_scope(PluginId(owner["plugin"]))
            await bench.opened(_url_of(server), owner["key"], scope=scope)
        for owner in (first, second):
            scope = socket_scope(PluginId(owner["plugin"]))
            assert await bench.send(owner["plugin"], owner["key"], scope=scope) == ""
        told = await bench.told(2)
    plugins = [callback.plugin for callback in bench.host.callbacks]
    assert sorted(zip(plugins, told, strict=True)) == sorted(
        (owner["plugin"], ("OnTextMessage", owner["key"], owner["plugin"])) for owner in (first, second)
    )


async def _id_works(connection_id: str) -> None:
    async with serve(_echo, "127.0.0.1", 0) as server, socket_bench() as bench:
        await bench.opened(_url_of(server), connection_id)
        assert await bench.send("delivered", connection_id) == ""
        assert await bench.told(1) == [("OnTextMessage", connection_id, "delivered")]
        assert await bench.close(connection_id=connection_id) == ""


async def _echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


def _url_of(server: Server) -> str:
    return f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"


def http_timeout(case: Case) -> None:
    limit_ms = re.search(r"(\d+) ms", case.value["safe"])
    assert limit_ms is not None, "the case names its limit in ms"
    timeout_s = request_timeout_s(case.value["timeout_ms"], Limits().http_timeout_s)
    assert timeout_s * 1000 == int(limit_ms.group(1))

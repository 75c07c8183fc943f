"""The cache service on a clock that the test moves."""

from __future__ import annotations

import math
import threading
from typing import cast

import pytest
from google.protobuf.message import Message

from engine.calls import PluginId
from engine.clock import VirtualClock
from engine.contracts.host.cache_pb2 import (
    GetBytesResponse,
    GetFloatResponse,
    GetIntResponse,
    GetRequest,
    GetStringResponse,
    HasRequest,
    HasResponse,
    RemoveRequest,
    RemoveResponse,
    SetBytesRequest,
    SetFloatRequest,
    SetIntRequest,
    SetResponse,
    SetStringRequest,
)
from engine.host import CacheService
from engine.host.cache import ENTRY_BYTES
from engine.settings import Limits
from tests.engine.host.fake_scope import FakeScope

DAY_S = 24 * 60 * 60

SETTERS: dict[str, Message] = {
    "SetString": SetStringRequest(key="k", value="text"),
    "SetInt": SetIntRequest(key="k", value=-(2**63)),
    "SetFloat": SetFloatRequest(key="k", value=0.1),
    "SetBytes": SetBytesRequest(key="k", value=b"\x00\xff"),
}
GETTERS: dict[str, Message] = {
    "GetString": GetStringResponse(exists=True, value="text"),
    "GetInt": GetIntResponse(exists=True, value=-(2**63)),
    "GetFloat": GetFloatResponse(exists=True, value=0.1),
    "GetBytes": GetBytesResponse(exists=True, value=b"\x00\xff"),
}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def cache(clock: VirtualClock) -> CacheService:
    return CacheService(clock, Limits())


def put(cache: CacheService, key: str, value: str = "v", ttl_s: int = 0, scope: FakeScope | None = None) -> bool:
    request = SetStringRequest(key=key, value=value, ttl_seconds=ttl_s)
    return cache.set_string(request, scope or FakeScope()).success


def value_of(cache: CacheService, key: str, plugin: str = "test-plugin") -> str | None:
    answer = cache.get_string(GetRequest(key=key), FakeScope(plugin=PluginId(plugin)))
    return answer.value if answer.exists else None


def has(cache: CacheService, key: str) -> bool:
    return cast(HasResponse, cache.call("Has", HasRequest(key=key), FakeScope())).exists


@pytest.mark.parametrize("setter", SETTERS)
@pytest.mark.parametrize("getter", GETTERS)
def test_a_value_comes_back_as_its_own_kind_only(cache: CacheService, setter: str, getter: str) -> None:
    assert cache.call(setter, SETTERS[setter], FakeScope()) == SetResponse(success=True)
    wanted = GETTERS[getter] if setter[3:] == getter[3:] else type(GETTERS[getter])()
    assert cache.call(getter, GetRequest(key="k"), FakeScope()) == wanted
    assert has(cache, "k")
    assert cache.call(f"Get{setter[3:]}", GetRequest(key="k"), FakeScope()) == GETTERS[f"Get{setter[3:]}"]


def test_a_setter_replaces_value_kind_and_lifetime(cache: CacheService, clock: VirtualClock) -> None:
    put(cache, "k", ttl_s=10)
    cache.set_int(SetIntRequest(key="k", value=7, ttl_seconds=100), FakeScope())
    clock.jump(50)
    assert value_of(cache, "k") is None
    assert cache.get_int(GetRequest(key="k"), FakeScope()) == GetIntResponse(exists=True, value=7)


def test_empty_values_and_the_empty_key_exist(cache: CacheService) -> None:
    assert put(cache, "", "")
    assert value_of(cache, "") == ""
    cache.set_bytes(SetBytesRequest(key="b"), FakeScope())
    assert cache.get_bytes(GetRequest(key="b"), FakeScope()) == GetBytesResponse(exists=True)


def test_a_float_that_is_no_number_comes_back(cache: CacheService) -> None:
    cache.set_float(SetFloatRequest(key="k", value=math.nan), FakeScope())
    answer = cache.get_float(GetRequest(key="k"), FakeScope())
    assert answer.exists and math.isnan(answer.value)


@pytest.mark.parametrize(("ttl_s", "lifetime_s"), [(0, DAY_S), (-1, DAY_S), (-(2**63), DAY_S), (1, 1), (3600, 3600)])
def test_a_value_lives_as_long_as_asked_or_a_day(
    cache: CacheService, clock: VirtualClock, ttl_s: int, lifetime_s: int
) -> None:
    put(cache, "k", ttl_s=ttl_s)
    clock.jump(lifetime_s - 0.001)
    assert has(cache, "k")
    clock.jump(0.001)
    assert not has(cache, "k")
    assert value_of(cache, "k") is None


def test_a_huge_lifetime_is_cut_to_a_hundred_years(cache: CacheService, clock: VirtualClock) -> None:
    assert put(cache, "k", ttl_s=2**63 - 1)
    clock.jump(99 * 365 * DAY_S)
    assert value_of(cache, "k") == "v"
    clock.jump(365 * DAY_S)
    assert value_of(cache, "k") is None


def test_reading_does_not_renew_the_lifetime(cache: CacheService, clock: VirtualClock) -> None:
    put(cache, "k", ttl_s=10)
    clock.jump(9)
    assert has(cache, "k") and value_of(cache, "k") == "v"
    clock.jump(1)
    assert not has(cache, "k")


def test_removing_succeeds_whether_there_was_something_or_not(cache: CacheService, clock: VirtualClock) -> None:
    put(cache, "k", ttl_s=10)
    put(cache, "old", ttl_s=1)
    clock.jump(5)
    for key in ("k", "k", "old", "never"):
        assert cache.call("Remove", RemoveRequest(key=key), FakeScope()) == RemoveResponse(success=True)
        assert not has(cache, key)


def test_plugins_never_meet_even_where_a_joined_key_would(cache: CacheService) -> None:
    put(cache, "b:c", "first", scope=FakeScope(plugin=PluginId("a")))
    put(cache, "c", "second", scope=FakeScope(plugin=PluginId("a:b")))
    assert (value_of(cache, "b:c", "a"), value_of(cache, "c", "a:b")) == ("first", "second")
    assert value_of(cache, "c", "a") is None


def test_what_does_not_fit_is_not_kept_and_changes_nothing(clock: VirtualClock) -> None:
    cache = CacheService(clock, Limits(cache_bytes=ENTRY_BYTES + 101))
    scope = FakeScope()
    assert put(cache, "k", "x" * 100)
    assert not put(cache, "k", "é" * 51, scope=scope)
    assert not put(cache, "l", "")
    assert value_of(cache, "k") == "x" * 100
    assert "Cache in [Workbench.Limits]" in scope.notes[0]


def test_a_replaced_value_makes_room_for_its_successor(clock: VirtualClock) -> None:
    cache = CacheService(clock, Limits(cache_bytes=ENTRY_BYTES + 101))
    assert put(cache, "k", "x" * 100)
    assert put(cache, "k", "y" * 100)
    assert value_of(cache, "k") == "y" * 100


def test_a_value_whose_time_is_up_makes_room(clock: VirtualClock) -> None:
    cache = CacheService(clock, Limits(cache_bytes=ENTRY_BYTES + 101))
    assert put(cache, "k", "x" * 100, ttl_s=10)
    assert not put(cache, "l", "x" * 100)
    clock.jump(10)
    assert put(cache, "l", "x" * 100)


def test_one_plugins_limit_is_not_anothers(clock: VirtualClock) -> None:
    cache = CacheService(clock, Limits(cache_bytes=ENTRY_BYTES + 101))
    for plugin in ("a", "b"):
        assert put(cache, "k", "x" * 100, scope=FakeScope(plugin=PluginId(plugin)))


def test_the_count_of_tiny_values_is_limited_too(clock: VirtualClock) -> None:
    cache = CacheService(clock, Limits(cache_bytes=20 * ENTRY_BYTES))
    assert sum(put(cache, str(number), "") for number in range(50)) < 20


def test_forgetting_a_plugin_drops_its_values_alone(cache: CacheService) -> None:
    for plugin in ("a", "b"):
        put(cache, "k", plugin, scope=FakeScope(plugin=PluginId(plugin)))
    cache.forget(PluginId("a"))
    cache.forget(PluginId("unknown"))
    assert (value_of(cache, "k", "a"), value_of(cache, "k", "b")) == (None, "b")
    cache.close()
    assert value_of(cache, "k", "b") is None


def test_threads_may_fill_one_cache_together(clock: VirtualClock) -> None:
    cache = CacheService(clock, Limits(cache_bytes=(ENTRY_BYTES + 10) * 100))
    kept: list[bool] = []

    def fill(name: int) -> None:
        for number in range(100):
            kept.append(put(cache, f"{name}-{number}", "x" * 5, ttl_s=1 + number % 3))
            value_of(cache, f"{name}-{number - 1}")

    threads = [threading.Thread(target=fill, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(kept) == 400
    assert 100 <= sum(kept) <= 102

"""The self-test of the call path: it passes what works, and finds whatever is not as it was."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence

import pytest
import wasmtime
import wasmtime._bindings as bindings

from engine.events import EngineWarned
from engine.wasm import selftest
from engine.wasm.paths import (
    CallPath,
    CallPathName,
    EngineSource,
    Export,
    GuestHooks,
    HostFunction,
    LinearMemory,
    Types,
)
from engine.wasm.selftest import Unexpected, check_bindings, check_path, choose, verdict
from tests.engine.guests import plugin_wat
from tests.engine.harness import PluginHarness


@pytest.fixture
def other_bindings() -> types.ModuleType:
    """A copy of the real ones, to be changed."""
    copy = types.ModuleType("bindings")
    copy.__dict__.update(bindings.__dict__)
    return copy


@pytest.fixture
def fresh_verdict() -> Iterator[None]:
    """What was found out before this test, and in it, holds for nobody else."""
    verdict.cache_clear()
    yield
    verdict.cache_clear()


@pytest.mark.parametrize("name", ["native", "public"])
def test_both_paths_pass_here(name: CallPathName) -> None:
    path = choose(name).path
    assert path.name == name
    check_path(path)
    assert path.live_stores() == 0


def test_the_fast_path_is_chosen_when_all_is_well() -> None:
    assert choose().fault is None
    assert choose().path.name == "native"


@pytest.mark.parametrize("name", ["wasmtime_val_raw_t", "_wasmtime_func_call_unchecked"])
def test_bindings_that_lack_something_are_found(other_bindings: types.ModuleType, name: str) -> None:
    delattr(other_bindings, name)
    with pytest.raises(Unexpected, match=f"wasmtime's bindings have no {name}"):
        check_bindings(other_bindings)


def test_a_structure_of_another_size_is_found(other_bindings: types.ModuleType) -> None:
    other_bindings.__dict__["wasmtime_func_t"] = bindings.wasmtime_memory_t
    with pytest.raises(Unexpected, match="wasmtime_func_t has 24 bytes instead of 16"):
        check_bindings(other_bindings)


def test_a_function_with_other_arguments_is_found(other_bindings: types.ModuleType) -> None:
    other_bindings.__dict__["_wasmtime_trap_new"] = bindings.__dict__["_wasmtime_error_new"]
    with pytest.raises(Unexpected, match="wasmtime_trap_new takes 1 arguments instead of 2"):
        check_bindings(other_bindings)


class Distorted:
    """A call path over a good one, with one thing wrong."""

    name: CallPathName = "native"

    def __init__(self, wrong: str) -> None:
        self.wrong = wrong
        self.good = choose("public").path

    def link(self, source: EngineSource, module: wasmtime.Module, functions: Sequence[HostFunction]) -> DistortedLink:
        return DistortedLink(self, source, module, functions)

    def interrupt(self, source: EngineSource) -> None:
        if self.wrong != "interrupt":
            self.good.interrupt(source)

    def live_stores(self) -> int:
        return self.good.live_stores()


class DistortedLink:
    def __init__(
        self, path: Distorted, source: EngineSource, module: wasmtime.Module, functions: Sequence[HostFunction]
    ) -> None:
        self.wrong = path.wrong
        self.inner = path.good.link(source, module, functions)

    def open(self, hooks: GuestHooks) -> DistortedGuest:
        return DistortedGuest(self, hooks)


class DistortedGuest:
    def __init__(self, link: DistortedLink, hooks: GuestHooks) -> None:
        self.wrong = link.wrong
        self.inner = link.inner.open(hooks)
        self.store = self.inner.store
        self.instantiate = self.inner.instantiate
        self.close = self.inner.close

    def memory(self) -> LinearMemory | None:
        memory = self.inner.memory()
        if self.wrong == "no memory" or memory is None:
            return None
        return ClampingMemory(memory) if self.wrong == "bounds" else memory

    def export(self, name: str, params: Types, results: Types) -> Export | None:
        export = self.inner.export(name, params, results)

        def call(*args: int) -> int:
            assert export is not None
            try:
                value = export(*args)
            except Exception as error:
                raise RuntimeError("some other exception") if self.wrong == "exception" else error from error
            return value & 0x7FFF_FFFF if self.wrong == "numbers" else value

        return None if export is None or self.wrong == name else call


class ClampingMemory:
    """As wasmtime's own class reads."""

    def __init__(self, inner: LinearMemory) -> None:
        self.inner = inner
        self.size = inner.size
        self.write = inner.write

    def read(self, pointer: int, length: int) -> bytes | None:
        return self.inner.read(pointer, min(length, self.size() - pointer))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ("no memory", "the memory is not found"),
        ("bounds", "memory has no bounds"),
        ("numbers", "a 32-bit number arrives as another one"),
        ("exception", "the exception of a host call arrives as RuntimeError"),
        ("interrupt", "a guest that is to stop goes on"),
        ("spin", "the export spin is not found"),
    ],
)
def test_a_path_with_one_thing_wrong_is_found(wrong: str, text: str) -> None:
    path: CallPath = Distorted(wrong)
    with pytest.raises(Unexpected, match=text):
        check_path(path)
    assert path.live_stores() == 0


def test_another_wasmtime_means_the_public_path(fresh_verdict: None) -> None:
    chosen = verdict("51.0.0", False)
    assert chosen.path.name == "public"
    assert chosen.fault == "wasmtime 51.0.0 is not wasmtime 50"


def test_a_wanted_fast_path_is_taken_without_a_test(fresh_verdict: None) -> None:
    assert verdict("51.0.0", True).path.name == "native"


async def test_the_engine_says_so_and_works_on_when_the_bindings_look_different(
    harness: PluginHarness, monkeypatch: pytest.MonkeyPatch, fresh_verdict: None
) -> None:
    monkeypatch.delattr(bindings, "_wasmtime_trap_new")
    harness.write(plugin_wat({"metadata_agent_get_artist_mbid": "(i64.const 0)"}))
    async with harness.engine() as engine:
        assert (await engine.call("probe", "GetArtistMBID")).ok
    [warning] = harness.of(EngineWarned)
    assert warning.summary == "guests are called in the slow way: wasmtime's bindings have no _wasmtime_trap_new"
    assert warning.hint is not None
    assert selftest.choose().path.name == "public"

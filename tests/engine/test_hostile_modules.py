"""Modules made of anything: whatever the bytes are, a documented refusal or a plugin that can be called comes out."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
import wasmtime
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import Outcome, PluginState
from tests.engine.guests import FD_WRITE, host_import, plugin_wat, write_stderr
from tests.engine.harness import PluginHarness, manifest_of

pytestmark = pytest.mark.both_paths

HEADER = b"\x00asm\x01\x00\x00\x00"
MUTATIONS = 120
METHODS = ("GetArtistMBID", "GetAlbumInfo")


def real_module() -> bytes:
    say, data = write_stderr(b"here\n")
    body = f"{say} (drop (call $has (i32.const 0) (i32.const 0))) (i64.const 0)"
    imports = FD_WRITE + host_import("has")
    return bytes(wasmtime.wat2wasm(plugin_wat({"metadata_agent_get_artist_mbid": body}, imports=imports, fields=data)))


def mutated(module: bytes, chance: random.Random) -> bytes:
    """One module with bits flipped, cut short, or with two pieces swapped."""
    data = bytearray(module)
    match chance.randrange(3):
        case 0:
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(8, len(data))] ^= 1 << chance.randrange(8)
        case 1:
            del data[chance.randrange(8, len(data)) :]
        case _:
            first, middle, last = sorted(chance.randrange(8, len(data)) for _ in range(3))
            data[first:last] = data[middle:last] + data[first:middle]
    return bytes(data)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda rest: HEADER + rest)))
def test_arbitrary_bytes_are_refused_with_a_compile_or_load_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    asyncio.run(_is_refused(tmp_path_factory.mktemp("plugins"), data))


async def _is_refused(folder: Path, data: bytes) -> None:
    harness = PluginHarness(folder)
    harness.write(data)
    async with harness.engine() as engine:
        info = await engine.ready("probe")
        assert info.state is PluginState.FAILED
        assert info.error
        assert (await engine.call("probe", METHODS[0])).outcome is Outcome.LOAD_FAILED


async def test_mutated_modules_never_hurt_a_healthy_plugin(harness: PluginHarness) -> None:
    harness.limit(call_timeout_s=0.5, start_timeout_s=0.5)
    chance = random.Random(20261123)
    module = real_module()
    manifest = manifest_of("probe", permissions={"cache": {"reason": "to look"}})
    harness.write(module, manifest=manifest)
    harness.write(plugin_wat(), folder="healthy")
    async with harness.engine() as engine:
        assert (await engine.call("probe", METHODS[0])).ok
        for _ in range(MUTATIONS):
            harness.write(mutated(module, chance), manifest=manifest)
            info = await engine.refresh("probe")
            assert info.state in (PluginState.READY, PluginState.STALE)
            for method in METHODS:
                assert (await engine.call("probe", method)).outcome is not Outcome.LOAD_FAILED
            assert (await engine.call("healthy", METHODS[0])).outcome is Outcome.NOT_IMPLEMENTED

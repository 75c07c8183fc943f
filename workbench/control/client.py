"""The asking side: one request to the workbench that has a plugins folder open, if there is one."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from workbench.control.address import address_of, socket_path
from workbench.control.server import MESSAGE_LIMIT_BYTES


class ControlError(Exception):
    """A workbench has the folder open, but gives no usable answer; `str()` says why."""


def ask(
    folder: Path, request: Mapping[str, object], *, timeout_s: float, environ: Mapping[str, str] = os.environ
) -> Mapping[str, object] | None:
    """The answer of the workbench on `folder`; None when none runs. Blocks; raises `ControlError`."""
    try:
        path = address_of(folder, environ=environ).socket
    except OSError:
        return None  # where no workbench can listen, none does
    end = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            with socket_path(path) as short:
                connection.connect(short)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            raise ControlError(f"cannot reach it: {error.strerror or error}") from error
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            return _reply(_line(connection, end))
        except TimeoutError:
            raise ControlError(f"it did not answer within {timeout_s:g} s") from None
        except OSError as error:
            raise ControlError(f"the connection broke: {error.strerror or error}") from error


def _line(connection: socket.socket, end: float) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        connection.settimeout(max(0.001, end - time.monotonic()))
        chunk = connection.recv(MESSAGE_LIMIT_BYTES)
        data += chunk
        if not chunk or len(data) > MESSAGE_LIMIT_BYTES:
            break
    return data


def _reply(line: bytes) -> Mapping[str, object]:
    if not line:
        raise ControlError("it is closing")
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        raise ControlError("it answers something else; is it another version?")
    return reply

"""A random secret that is kept in a file of its own, readable by the user alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
from pathlib import Path

SECRET_BYTES = 32


def load_or_create(path: Path) -> bytes:
    """The secret in `path`; a new one is stored there when there is none, or what lies there cannot be one.

    The file appears whole and with mode 0600, or not at all; of two processes that create it, both get the same
    secret. Raises `OSError` when it can be neither read nor stored.
    """
    secret = _load(path)
    if secret is None:
        _store(path, secrets.token_bytes(SECRET_BYTES))
        secret = _load(path)
    if secret is None:
        raise OSError(f"{path} is not a file of {SECRET_BYTES} bytes")
    return secret


def _load(path: Path) -> bytes | None:
    """The secret in `path`, whose mode is tightened if need be; None when there is none that can be used."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is not a regular file")
        secret = file.read(SECRET_BYTES + 1)
        if len(secret) != SECRET_BYTES:
            _remove(path, status)
            return None
        if stat.S_IMODE(status.st_mode) & 0o077:
            os.fchmod(file.fileno(), 0o600)
        return secret


def _remove(path: Path, status: os.stat_result) -> None:
    """Remove a damaged secret, unless somebody put another file in its place meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.lstat(path), status):
            path.unlink()


def _store(path: Path, secret: bytes) -> None:
    """Put `secret` into `path` in one step; a file that is there already stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        # mkstemp's files have mode 0600 from the start.
        with open(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            # Unlike a rename, a link does not replace the secret that another process has just stored.
            os.link(temporary, path)
    finally:
        os.unlink(temporary)

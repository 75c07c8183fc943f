"""A process's own corner of the cache folder: files grow there before they are moved into their place.

A corner is held by a lock on its folder, which the system lets go when the process ends, however it ends. So what a
killed process left behind is known as such at once, whatever its process id was and whoever has that now.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from engine.wasm.private_files import is_ours

_PREFIX: Final = ".scratch-"
_ATTEMPTS: Final = 10
_AGE_LIMIT_S: Final = 24 * 3600.0
"""Where there are no locks, a corner that nothing changed in for so long has no owner any more."""


class Scratch:
    """This process's corner of `folder`, made at first use; safe from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._hold: int | None = None

    def path(self) -> Path:
        """The corner (0700), made anew if somebody removed it; raises `OSError`."""
        with self._lock:
            if self._path is None or not self._path.is_dir():
                self._release()
                self._path, self._hold = self._claim()
            return self._path

    def close(self) -> None:
        """Remove the corner and what is in it; idempotent, and `path` makes a new one."""
        with self._lock:
            if self._path is not None:
                shutil.rmtree(self._path, ignore_errors=True)
            self._release()

    def _release(self) -> None:
        if self._hold is not None:
            os.close(self._hold)
        self._path = self._hold = None

    def _claim(self) -> tuple[Path, int | None]:
        for _ in range(_ATTEMPTS):
            path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._folder))
            try:
                return path, _hold(path)
            except (BlockingIOError, FileNotFoundError):
                # Another process that was just opening the cache took the new corner for an abandoned one.
                continue
        raise OSError("other processes keep removing the scratch folder")


def remove_abandoned(folder: Path) -> None:
    """Remove the corners whose processes are gone; raises `OSError` when `folder` cannot be listed."""
    with os.scandir(folder) as entries:
        corners = [Path(entry.path) for entry in entries if entry.name.startswith(_PREFIX)]
    for corner in corners:
        with suppress(OSError):
            if not is_ours(corner.lstat()):
                continue
            hold = _hold(corner)
            try:
                if hold is not None or corner.lstat().st_mtime < time.time() - _AGE_LIMIT_S:
                    shutil.rmtree(corner, ignore_errors=True)
            finally:
                if hold is not None:
                    os.close(hold)


def _hold(corner: Path) -> int | None:
    """Lock a corner until the descriptor is closed; None where the file system has no locks.

    Raises `BlockingIOError` while another process holds it, `FileNotFoundError` when it is gone, `OSError`.
    """
    descriptor = os.open(corner, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(corner.lstat(), os.fstat(descriptor)):
            raise FileNotFoundError(errno.ENOENT, "the folder was removed meanwhile", str(corner))
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError | FileNotFoundError):
            raise
        return None
    return descriptor

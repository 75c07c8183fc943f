"""Files and folders that nobody but the user may write: made so, and refused when they are not so.

Whoever can write compiled code decides what runs, so its folder and every file in it are looked at before use.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022
_OPENING: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""A pipe in the file's place must not make anybody wait."""


class NotPrivate(OSError):
    """The file or folder is not one that only this user can have written; the text says why."""


def prepare_folder(folder: Path) -> None:
    """Make `folder` if need be and close it to others (0700); raises `OSError`, `NotPrivate` among them.

    Parents get the usual mode: they may belong to somebody else's cache.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if check_folder(folder).st_mode & _OTHERS:
        os.chmod(folder, 0o700)


def check_folder(folder: Path) -> os.stat_result:
    """What the system says of `folder`; raises `NotPrivate` for a link or another user's folder, and `OSError`."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotPrivate("it is not a folder")
    if not is_ours(status):
        raise NotPrivate("the folder belongs to another user")
    return status


def is_ours(status: os.stat_result) -> bool:
    """Whether a file belongs to the user who runs this process."""
    return status.st_uid == os.getuid()


def open_private(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a regular file of ours, closed to others; raises `OSError`, `NotPrivate` among them.

    Links are not followed. A file that others could read is closed to them; one that they could write is refused.
    """
    try:
        descriptor = os.open(path, flags | _OPENING)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotPrivate("it is a link") from error
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotPrivate("it is not a regular file")
        if not is_ours(status):
            raise NotPrivate("the file belongs to another user")
        if status.st_mode & _OTHERS_WRITE:
            raise NotPrivate("others can write to the file")
        if status.st_mode & _OTHERS:
            os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_new(folder: Path, data: bytes | bytearray | memoryview) -> Path:
    """A new file (0600) in `folder` that holds `data`, not yet flushed to the disk; raises `OSError`."""
    descriptor, name = tempfile.mkstemp(prefix="new-", dir=folder)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    return Path(name)


def unlink_opened(path: Path, descriptor: int) -> None:
    """Remove `path` unless another file has taken its place since it was opened."""
    with suppress(OSError):
        if os.path.samestat(os.lstat(path), os.fstat(descriptor)):
            path.unlink()

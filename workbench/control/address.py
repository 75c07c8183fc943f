"""Where the control socket of a plugins folder is: in a private run-time folder, named by a hash of the folder."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FOLDER_NAME: Final = "navidrome-workbench"
_HASH_DIGITS: Final = 16
_PATH_LIMIT_BYTES: Final = 103
"""What every system accepts as the path of a socket, its terminator not counted."""
_OPEN_FOLDERS: Final = Path("/proc/self/fd")
"""Where the system has it, a socket in any folder has a short path too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The two files that stand for one plugins folder."""

    socket: Path
    lock: Path
    """Locked by the workbench that answers on the socket, for as long as it lives."""


def address_of(folder: Path, *, environ: Mapping[str, str] = os.environ) -> Address:
    """The address for a plugins folder, whatever links lead to it; raises `OSError` when there is no safe place."""
    name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:_HASH_DIGITS]
    base = _run_folder(environ, name)
    return Address(socket=base / name, lock=base / f"{name}.lock")


@contextmanager
def socket_path(path: Path) -> Iterator[str]:
    """`path` in a form that is short enough to bind or connect a socket to, for as long as the block lasts."""
    if len(os.fsencode(path)) <= _PATH_LIMIT_BYTES:
        yield str(path)
        return
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield str(_OPEN_FOLDERS / str(descriptor) / path.name)
    finally:
        os.close(descriptor)


def _run_folder(environ: Mapping[str, str], name: str) -> Path:
    """A folder that nobody else can enter: the user's run-time folder, else one in /tmp."""
    given = environ.get("XDG_RUNTIME_DIR") or ""
    if os.path.isabs(given) and os.path.isdir(given):
        folder = Path(given) / _FOLDER_NAME
        if len(os.fsencode(folder / name)) <= _PATH_LIMIT_BYTES or _OPEN_FOLDERS.is_dir():
            return _private(folder)
    return _private(Path(f"/tmp/{_FOLDER_NAME}-{os.geteuid()}"))


def _private(folder: Path) -> Path:
    """`folder`, made if need be; raises `OSError` when somebody else could have put something there."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        status = os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise OSError(f"{folder} is not a private folder of yours") from None
    return folder

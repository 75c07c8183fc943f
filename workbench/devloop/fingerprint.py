"""Whether a file is still the one it was: cheap stamps from the folder entry, digests of the content."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

_CHUNK_BYTES: Final = 1 << 20

HASHED_BYTES_LIMIT: Final = 128 << 20
"""How much content one digest over many files reads; beyond it the files' stamps stand in for their bytes."""

FILE_BYTES_LIMIT: Final = 256 << 20
"""How much of a single file is read; a module that the engine takes is far smaller."""


class Stamp(NamedTuple):
    """What the folder entry tells about a regular file; equal stamps are taken for equal content."""

    size: int
    mtime_ns: int
    inode: int


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a regular file, links followed; None for anything else and for what cannot be looked at."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ino)


def digest_of(path: Path, *, limit_bytes: int = FILE_BYTES_LIMIT) -> str | None:
    """SHA-256 of a regular file in hex; None when it cannot be read to its end within `limit_bytes`."""
    return _read(path, limit_bytes)[0]


def has_same_content(one: Path, other: Path) -> bool:
    """Whether both files can be read, and hold the same bytes."""
    digest = digest_of(one)
    return digest is not None and digest == digest_of(other)


def digest_of_all(files: Iterable[tuple[Path, Stamp]], *, limit_bytes: int = HASHED_BYTES_LIMIT) -> str:
    """One SHA-256 over names and contents, in the order given; unreadable files count by their stamp."""
    total = hashlib.sha256()
    for path, stamp in files:
        content = None
        if stamp.size <= limit_bytes:
            content, read_bytes = _read(path, limit_bytes)
            limit_bytes -= read_bytes
        total.update(f"{path}\0{content or stamp}\n".encode(errors="surrogateescape"))
    return total.hexdigest()


def _read(path: Path, limit_bytes: int) -> tuple[str | None, int]:
    """The digest of a regular file, if it has no more than `limit_bytes`, and how many bytes were read.

    What the folder entry says about the size is not relied on: files of /proc have size 0 and may never end.
    """
    content = hashlib.sha256()
    read_bytes = 0
    try:
        # A pipe put in the file's place would block a plain open for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None, 0
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None, 0
        while chunk := os.read(descriptor, min(_CHUNK_BYTES, limit_bytes + 1 - read_bytes)):
            read_bytes += len(chunk)
            if read_bytes > limit_bytes:
                return None, read_bytes
            content.update(chunk)
    except OSError:
        return None, read_bytes
    finally:
        os.close(descriptor)
    return content.hexdigest(), read_bytes

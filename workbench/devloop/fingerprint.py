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


def digest_of(path: Path) -> str | None:
    """SHA-256 of a regular file in hex; None when it cannot be read to its end."""
    try:
        # A pipe put in the file's place would block a plain open for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None


def digest_of_all(files: Iterable[tuple[Path, Stamp]]) -> str:
    """One SHA-256 over names and contents, in the order given; unreadable files count by their stamp."""
    total = hashlib.sha256()
    read_bytes = 0
    for path, stamp in files:
        read_bytes += stamp.size
        content = digest_of(path) if read_bytes <= HASHED_BYTES_LIMIT else None
        total.update(f"{path}\0{content or stamp}\n".encode(errors="surrogateescape"))
    return total.hexdigest()

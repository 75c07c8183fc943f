"""Reading files that somebody else wrote: regular ones only, never more than a limit, and why it failed in words."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path


class FileTooLarge(OSError):
    """The file holds more bytes than its reader accepts; the text names the limit."""


class NotARegularFile(OSError):
    """The path is a folder, pipe, socket or device."""


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading without ever waiting for a pipe or device; raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotARegularFile("not a regular file")
    return open(descriptor, "rb")


def read_limited(path: Path, limit_bytes: int) -> bytes:
    """The content of a regular file of at most `limit_bytes`; `OSError` says why it cannot be had.

    Counts the bytes that are really read, not the size that the file system claims.
    """
    with open_regular(path) as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise FileTooLarge(f"larger than {limit_bytes} bytes")
    return content


def cause_text(error: OSError) -> str:
    """Why an operation failed, in the system's words and without the path."""
    text = error.strerror or str(error) or "the system gives no reason"
    return text[:1].lower() + text[1:]

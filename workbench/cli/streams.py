"""The three standard streams as the shell left them: open or closed, in whatever encoding, with or without a reader."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import IO, Final, TextIO

_STREAMS: Final = (
    ("stdin", os.O_WRONLY, "r"),
    ("stdout", os.O_RDONLY, "w"),
    ("stderr", os.O_WRONLY, "w"),
)
"""In the order of their descriptors. How a closed one is opened: stdin and stdout so that using them fails with
"bad file descriptor", as it does in other programs; words for a closed stderr go nowhere, and nothing fails."""


def prepare_streams() -> None:
    """See that there are three streams, and let stdout and stderr print any text.

    Where one was closed (`>&-`) Python has none, and the next file that is opened would get its descriptor: what is
    written to the stream by others, native code or a child, would go into that file. What the encoding of stdout or
    stderr lacks is shown escaped instead of failing.
    """
    for name, flags, mode in _STREAMS:
        if getattr(sys, name) is None:
            vars(sys)[name] = vars(sys)[f"__{name}__"] = _stand_in(flags, mode)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def abandon(stream: TextIO) -> None:
    """Give up an output stream that takes no more.

    What is still buffered has nowhere to go, and the interpreter's last flush must not fail.
    """
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _stand_in(flags: int, mode: str) -> IO[str]:
    # The lowest free descriptor is that of the first closed stream.
    descriptor = os.open(os.devnull, flags)
    os.set_inheritable(descriptor, True)
    return open(descriptor, mode, encoding="utf-8")  # for as long as the process lives

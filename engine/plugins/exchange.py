"""Putting one folder in the place of another in a single step of the file system, where that can be done."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Final

_LINUX_EXCHANGE: Final = 2
_DARWIN_SWAP: Final = 2
_AT_FDCWD: Final = -100 if sys.platform == "linux" else -2
_NOT_POSSIBLE: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV, errno.EPERM})


def exchange(first: Path, second: Path) -> bool:
    """Let two existing entries of one file system swap places, so that neither name is ever missing.

    False when the system or this file system cannot do that and nothing has happened; raises `OSError` for the rest.
    """
    function, flag = _system_call()
    if function is None:
        return False
    if function(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), flag) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_POSSIBLE:
        return False
    raise OSError(number, os.strerror(number), str(first), None, str(second))


def _system_call() -> tuple[ctypes._NamedFuncPointer | None, int]:
    library = ctypes.CDLL(None, use_errno=True)
    name, flag = ("renameat2", _LINUX_EXCHANGE) if sys.platform == "linux" else ("renameatx_np", _DARWIN_SWAP)
    try:
        function = getattr(library, name)
    except AttributeError:
        return None, flag
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    function.restype = ctypes.c_int
    return function, flag

"""What the long runs must not overlook: as the program of `fuzz` it aborts, as that of `kills` it ends by itself."""

from __future__ import annotations

import os
import subprocess
import sys

_FUZZ_ARGUMENTS = 4

if __name__ == "__main__":
    _arguments = sys.argv[1:]
    if len(_arguments) >= _FUZZ_ARGUMENTS:
        print(_arguments[2], flush=True)
        os.abort()
    # A process that does not end with the one that started it, and has none of its output.
    subprocess.Popen(
        [sys.executable, "-c", "import threading; threading.Event().wait()"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    print("opened", flush=True)
    print("kept-one: trap: out of order", flush=True)
    sys.exit(3)

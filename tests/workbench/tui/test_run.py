"""Opening and leaving the full screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = "import sys; from workbench.tui.run import run; sys.exit(run(lambda: None))"


def run(tmp_path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """The full screen in a process without a terminal."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"TMPDIR": str(tmp_path)} | environ,
    )


def test_without_a_terminal_it_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 1
    assert "the full screen needs a terminal" in done.stderr
    assert "workbench call" in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []

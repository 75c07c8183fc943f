from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # The tests themselves run under make, whose variables would make this one a child of it.
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def test_make_alone_lists_every_target_with_its_meaning() -> None:
    lines = make().stdout.splitlines()
    named = [line.split()[1] for line in lines]
    assert named == ["help", "run", "test", "lint", "check", "samples", "generate", "bench", "soak", "screens", "clean"]
    assert all(len(line.split()) > 2 for line in lines)


def test_a_python_that_is_missing_or_too_old_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    for python in ("python-that-is-not-there", "false"):
        run = make(f"PYTHON={python}", f"VENV={environment}", str(environment / ".installed"))
        assert run.returncode != 0
        assert f"{python} is missing or older than Python 3.11" in run.stderr
        assert not environment.exists()

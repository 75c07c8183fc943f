"""The compile cache when its process is killed, or the system refuses: at worst a compilation more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.wasm.cache_programs import PROGRAMS, run_in_a_process


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_cache_survives(name: str, tmp_path: Path) -> None:
    ended = run_in_a_process(name, tmp_path)
    assert (ended.returncode, ended.stdout.splitlines()[-1:]) == (0, ["survived"]), ended.stderr

"""A few processes killed while they compile, with every test run, and that one which is not clean is noticed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.soak.kills import run_kills

SEED = int(os.environ.get("SOAK_SEED", "1"))
KILLS = int(os.environ.get("SOAK_KILLS", "10"))
"""`make soak` does 200."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes end in another way there")


def test_a_process_that_follows_a_killed_one_starts_clean(tmp_path: Path) -> None:
    phase = run_kills(tmp_path / "kills", count=KILLS, seed=SEED)
    assert phase.faults == (), f"seed {SEED}"
    assert phase.done == KILLS


def test_a_process_that_is_not_clean_or_leaves_others_behind_is_noticed(tmp_path: Path) -> None:
    phase = run_kills(tmp_path / "kills", count=1, seed=SEED, program="tests.soak.dying_program", orphan_s=0.2)
    assert "process 1: kept-one: trap: out of order" in phase.faults
    assert "process 0 left processes behind" in phase.faults

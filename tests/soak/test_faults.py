"""A share of the fault table with every test run, on both call paths, and that the run notices what goes wrong."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from engine import Outcome
from engine.wasm.paths import CallPathName
from engine.wasm.selftest import choose
from tests.engine.guests import plugin_wat
from tests.soak.census import Census
from tests.soak.fault_table import FAULTS, MBID, Fault
from tests.soak.faults import run_faults

SEED = int(os.environ.get("SOAK_SEED", "1"))
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "5"))
"""Of the table; `make soak` does 100."""


@pytest.mark.parametrize("call_path", get_args(CallPathName))
async def test_every_fault_has_its_outcome_and_harms_nobody(tmp_path: Path, call_path: CallPathName) -> None:
    phase = await run_faults(tmp_path / "faults", rounds=ROUNDS, seed=SEED, call_path=call_path)
    assert phase.faults == (), f"seed {SEED}"
    assert phase.done == ROUNDS * len(FAULTS)


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (Fault(name="mild", module=plugin_wat({MBID: "(i64.const 0)"}), outcome=Outcome.TRAP), "ok, not trap"),
        (
            Fault(
                name="vague", module=plugin_wat({MBID: "(unreachable)"}), outcome=Outcome.TRAP, text="divide by zero"
            ),
            "vague GetArtistMBID: trap, not trap",
        ),
        (Fault(name="sound", module=plugin_wat(), outcome=Outcome.LOAD_FAILED), "not_implemented, not load_failed"),
    ],
    ids=["another outcome", "another text", "a load that succeeds"],
)
async def test_a_fault_that_ends_otherwise_is_noticed(tmp_path: Path, fault: Fault, found: str) -> None:
    phase = await run_faults(tmp_path / "faults", [fault], rounds=1, seed=SEED)
    assert any(found in text for text in phase.faults), phase.faults


def test_what_is_left_behind_is_noticed() -> None:
    path = choose().path
    before = Census.take(path)
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    descriptors = os.pipe()
    after = Census.take(path)
    end.set()
    thread.join()
    for descriptor in descriptors:
        os.close(descriptor)
    assert after.gained_over(before)[0] == "1 threads were left behind"
    assert replace(after, guests=before.guests + 2).gained_over(before)[-1] == "2 guests were left behind"
    assert before.gained_over(after) == []
    if after.descriptors:
        assert "2 descriptors were left behind" in after.gained_over(before)

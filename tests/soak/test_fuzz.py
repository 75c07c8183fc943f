"""A share of the damaged modules with every test run, and that a process which dies of one is noticed."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import wasmtime

from tests.soak.fuzz import run_fuzz, small_module
from tests.soak.mutants import mutant, sections

SEED = int(os.environ.get("SOAK_SEED", "1"))
MUTANTS = int(os.environ.get("SOAK_MUTANTS", "120"))
"""`make soak` does 2000, and takes the built samples too."""


def test_no_damaged_module_ends_the_process(tmp_path: Path) -> None:
    phase = run_fuzz(tmp_path, count=MUTANTS, seed=SEED)
    assert phase.faults == (), f"seed {SEED}"
    assert phase.done == MUTANTS


def test_each_mutant_that_ends_the_process_is_noticed_and_the_run_goes_on(tmp_path: Path) -> None:
    phase = run_fuzz(tmp_path, count=2, seed=SEED, program="tests.soak.dying_program")
    assert [fault.partition(":")[0] for fault in phase.faults] == ["mutant 0", "mutant 1"]
    assert all("status -6" in fault for fault in phase.faults)


def test_mutants_are_the_same_for_the_same_seed_and_differ_from_the_module() -> None:
    module = small_module()
    mutants = [mutant(module, random.Random(f"{SEED}/{number}")) for number in range(50)]
    assert mutants == [mutant(module, random.Random(f"{SEED}/{number}")) for number in range(50)]
    assert sum(found != module for found in mutants) > 40


def test_a_module_is_the_sum_of_its_sections() -> None:
    module = small_module()
    assert module[:8] + b"".join(sections(module)) == module
    assert len(sections(module)) > 5


def test_some_mutants_are_still_modules() -> None:
    """Otherwise nothing but wasmtime's reader would be tried."""
    engine = wasmtime.Engine()
    valid = 0
    for number in range(200):
        try:
            wasmtime.Module.validate(engine, mutant(small_module(), random.Random(f"{SEED}/{number}")))
        except wasmtime.WasmtimeError:
            continue
        valid += 1
    assert 5 < valid < 150


def test_large_modules_are_taken_too(tmp_path: Path) -> None:
    large = tmp_path / "large.wasm"
    large.write_bytes(small_module())
    assert run_fuzz(tmp_path, count=3, seed=SEED, modules=[large]).faults == ()


@pytest.mark.parametrize("seed", [1, 2])
def test_cutting_never_takes_the_header(seed: int) -> None:
    module = small_module()
    assert all(mutant(module, random.Random(f"{seed}/{n}")).startswith(module[:8]) for n in range(100))

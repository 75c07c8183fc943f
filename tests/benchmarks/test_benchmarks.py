"""That the benchmark program runs: everything once, with and without the Go stack. No figure is judged."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest
import wasmtime

from tests.benchmarks.__main__ import main
from tests.benchmarks.comparison import Figure, Unit, comparison, spread
from tests.benchmarks.ground import SMALLEST
from tests.benchmarks.modules import GUEST, variant
from tests.benchmarks.run import compare, prepared
from workbench.demo.build import build_samples
from workbench.demo.samples import sample_sources
from workbench.devloop.toolchain import Toolchain

WITHOUT_GO = [
    "change_to_answer",
    "save_to_answer",
    "load_optimised",
    "load_quick",
    "start_hello-wat",
    "isolated_hello-wat",
    "closed_loop_hello-wat",
    "fleet_ready",
    "fleet_memory",
    "many_calls_growth",
]
WITH_GO = [
    f"start_{GUEST}",
    f"isolated_{GUEST}",
    f"closed_loop_{GUEST}",
    "live_call",
    "host_call",
    "host_call_untraced",
]
ALONE = {"many_calls_growth"}
"""Figures that are compared with a limit only."""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one sample that needs no Go, built."""
    folder = tmp_path_factory.mktemp("samples")
    shutil.copytree(sample_sources() / "hello-wat", folder / "hello-wat", ignore=shutil.ignore_patterns("plugin.wasm"))
    (built,) = asyncio.run(build_samples(folder, _no_go(folder)))
    assert built.error is None
    return folder


def _no_go(folder: Path) -> Toolchain:
    return Toolchain(folder / "nothing-here", environ={"PATH": ""}, library_paths=[])


@pytest.mark.go
def test_the_program_prints_every_row_beside_the_go_stack_and_writes_it_as_json(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    main(["--smallest", "--samples", str(samples), "--json", str(file)])
    written = json.loads(file.read_text())
    figures = {figure["key"]: figure for figure in written["figures"]}
    assert sorted(figures) == sorted(WITHOUT_GO + WITH_GO)
    table = capsys.readouterr().out
    for key, figure in figures.items():
        assert figure["what"] in table
        assert figure["ours"]["count"] >= 1
        assert (figure["ratio"] is None) == (key in ALONE), figure
    assert "cores" in written["machine"]


async def test_without_go_it_says_so_and_measures_our_side(samples: Path, tmp_path: Path) -> None:
    said: list[str] = []
    async with prepared(
        SMALLEST, samples=samples, scratch=tmp_path, toolchain=_no_go(tmp_path), say=said.append
    ) as ground:
        figures = await compare(ground, said.append)
    assert said[0].startswith("Without the Go stack: there is no Go")
    assert [figure.key for figure in figures] == WITHOUT_GO
    assert all(figure.ours and not figure.go for figure in figures)
    assert all(figure.ratio is None for figure in figures)


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (Figure(key="a", what="a", ours=[2.0], go=[4.0], most_ratio=0.5), "0.50  <= 0.5 x    reached"),
        (Figure(key="a", what="a", ours=[3.0], go=[4.0], most_ratio=0.5), "0.75  <= 0.5 x    MISSED"),
        (Figure(key="a", what="a", ours=[3.0], most_ratio=0.5), "-          <= 0.5 x"),
        (Figure(key="a", what="a", unit=Unit.BYTES, ours=[2**20], most=2**21), "<= 2.0 MiB  reached"),
        (Figure(key="a", what="a", unit=Unit.BYTES, ours=[2**22], most=2**21), "<= 2.0 MiB  MISSED"),
        (Figure(key="a", what="a", ours=[1.5e6], go=[1e9]), "1.50 ms              1.00 s   0.002"),
    ],
    ids=["reached", "missed", "nothing to compare with", "within a limit", "beyond a limit", "no aim"],
)
def test_a_row_says_whether_its_aim_is_reached(figure: Figure, words: str) -> None:
    assert comparison("", [figure]).splitlines()[2].endswith(words)


def test_the_spread_is_half_of_the_middle_half_as_a_part_of_the_median() -> None:
    assert spread([100, 90, 110, 100, 1_000]) == pytest.approx(0.05)
    assert spread([100]) is None


def test_variants_of_a_module_differ_and_are_modules_still() -> None:
    module = bytes(wasmtime.wat2wasm('(module (memory (export "memory") 1))'))
    first, second = variant(module, 1), variant(module, 2)
    assert len({module, first, second}) == 3
    wasmtime.Module.validate(wasmtime.Engine(), first)

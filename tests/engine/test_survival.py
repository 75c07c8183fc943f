"""The ways in which an embedded WebAssembly runtime takes its process down, and that none of them is open.

What needs a process of its own runs `tests.engine.survival_programs` in one and looks at how it ended.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from engine import Outcome
from engine.settings import CallPathSetting
from tests.engine.guests import host_import, plugin_wat
from tests.engine.harness import PluginHarness, manifest_of

pytestmark = pytest.mark.both_paths

MBID = "metadata_agent_get_artist_mbid"
URL = "metadata_agent_get_artist_url"
REPOSITORY = Path(__file__).parents[2]


def run_program(name: str, folder: Path, call_path: CallPathSetting) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.engine.survival_programs", name, str(folder), call_path],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize(
    "program",
    [
        "exit-with-a-spinning-guest",
        "exit-without-closing",
        "faults-after-faulthandler",
        "close-under-load",
        "child-after-compile",
        "exit-while-compiling",
        "many-engines",
    ],
)
def test_the_process_ends_in_order(program: str, tmp_path: Path, call_path: CallPathSetting) -> None:
    ended = run_program(program, tmp_path, call_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1:] == ["survived"], ended.stderr


async def test_failures_of_host_calls_never_reach_another_call(harness: PluginHarness) -> None:
    """The public binding parks exceptions in one slot of the process; ours must keep every one with its call."""
    wat = plugin_wat(
        {
            MBID: "(drop (call $has (i32.const 2048) (i32.const 2))) (i64.const 0)",
            URL: "(drop (call $get_config (i32.const 0) (i32.const 0))) (i64.const 0)",
        },
        imports=host_import("has") + host_import("get_config"),
        fields='(data (i32.const 2048) "\\ff\\ff")',
    )
    permissions = {"cache": {"reason": "r"}, "config": {"reason": "r"}}
    for name in ("one", "two"):
        harness.write(wat, folder=name, manifest=manifest_of(name, permissions=permissions))
    async with harness.engine() as engine:
        methods = ("GetArtistMBID", "GetArtistURL")
        calls = [engine.call(name, method) for _ in range(100) for name in ("one", "two") for method in methods]
        results = [
            result for start in range(0, len(calls), 16) for result in await asyncio.gather(*calls[start : start + 16])
        ]
    expected = {"MetadataAgent.GetArtistMBID": Outcome.TRAP, "MetadataAgent.GetArtistURL": Outcome.OK}
    assert len(results) == 400
    assert all(result.outcome is expected[result.method] for result in results)
    assert all(len(result.host_calls) == 1 for result in results)


async def test_a_healthy_plugin_answers_beside_every_kind_of_fault(harness: PluginHarness) -> None:
    faults = {
        "trap": "(unreachable)",
        "bounds": "(i64.load (i32.const -8))",
        "recursion": "(call $deep) (i64.const 0)",
        "division": "(i64.extend_i32_u (i32.div_u (i32.const 1) (local.get $a)))",
        "reply": "(i64.const -1)",
        "spin": "(loop $l (br $l)) (i64.const 0)",
    }
    for name, body in faults.items():
        harness.write(plugin_wat({MBID: body}, fields="(func $deep (call $deep))"), folder=name)
    harness.write(plugin_wat({MBID: "(i64.const 0)"}), folder="healthy")
    async with harness.engine() as engine:
        for _ in range(5):
            broken = [engine.call(name, "GetArtistMBID", timeout_s=0.2) for name in faults]
            healthy = [engine.call("healthy", "GetArtistMBID") for _ in range(6)]
            results = await asyncio.gather(*broken, *healthy)
            assert not any(result.ok for result in results[: len(faults)])
            assert all(result.ok for result in results[len(faults) :])

"""Signals: the first ends a command in order, the second at once, and the status tells which it was."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

_PROGRAM = """
import asyncio, signal, sys
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)  # whatever started the tests may have had them ignored
signal.signal(signal.SIGHUP, signal.{hang_up})
from workbench.cli.interrupts import run_interruptible

async def main(interruption):
    {before}
    print("ready", flush=True)
    {body}
    return 7

sys.exit(run_interruptible(main))
"""
WAITS = "await asyncio.Event().wait()"
TIDIES = "over = asyncio.Event(); interruption.on_signal = over.set"


def run(body: str, *signals: signal.Signals, before: str = "pass") -> tuple[int, str]:
    """Start the program, send each signal when it has said something, and see how it ends."""
    program = [sys.executable, "-c", _PROGRAM.format(before=before, body=body, hang_up="SIG_DFL")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = ""
        for number in signals:
            said += child.stdout.readline()
            child.send_signal(number)
        said += child.stdout.read()
        return child.wait(60), said


def test_without_a_signal_the_status_is_the_commands_own() -> None:
    assert run("pass") == (7, "ready\n")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_signal_cancels_the_command_and_sets_the_status(number: signal.Signals, status: int) -> None:
    assert run(WAITS, number) == (status, "ready\n")


def test_a_command_may_end_in_its_own_way_and_the_status_still_says_so() -> None:
    body = "await over.wait(); print('tidied', flush=True)"
    assert run(body, signal.SIGTERM, before=TIDIES) == (143, "ready\ntidied\n")


def test_a_second_signal_does_not_wait_for_the_tidy_way() -> None:
    body = f"await over.wait(); print('tidying', flush=True); {WAITS}"
    assert run(body, signal.SIGINT, signal.SIGTERM, before=TIDIES) == (143, "ready\ntidying\n")


def test_a_signal_that_the_parent_had_ignored_stays_ignored() -> None:
    body = "import os; os.kill(os.getpid(), signal.SIGHUP)"
    program = _PROGRAM.format(before="pass", body=body, hang_up="SIG_IGN")
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20, check=False)
    assert ended.returncode == 7

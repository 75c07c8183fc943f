"""`workbench watch`: the reload loop told line by line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.conftest import Desk
from tests.engine.guests import plugin_wat
from tests.engine.harness import manifest_of

pytestmark = pytest.mark.pty

LIMIT_S = 20.0
"""How long one watch may run."""


@contextmanager
def watching(desk: Desk, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`workbench watch plugins --json` with its stdout in a pipe; killed at the end if it still runs."""
    command = [sys.executable, "-m", "workbench", "watch", "plugins", "--json", *words]
    with subprocess.Popen(
        command, env=desk.environment(), cwd=desk.root, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        # A fact that never comes must not hang the test: without the child the output ends.
        patience = threading.Timer(LIMIT_S, os.killpg, (child.pid, signal.SIGKILL))
        patience.start()
        try:
            yield child
        finally:
            patience.cancel()
            patience.join()
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)


def facts_until(child: subprocess.Popen[str], event: str, **members: object) -> list[dict[str, object]]:
    """The facts up to and with the first one of this kind with these members."""
    found: list[dict[str, object]] = []
    assert child.stdout is not None
    for line in child.stdout:
        fact: dict[str, object] = json.loads(line)
        found.append(fact)
        if fact["event"] == event and all(fact[name] == value for name, value in members.items()):
            return found
    raise AssertionError(f"the output ended without {event} {members}: {found[-5:]}")


def test_an_edited_source_is_rebuilt_and_reloaded_and_a_broken_one_is_not(desk: Desk) -> None:
    sample = desk.sample("hello-wat")
    good = (sample / "plugin.wat").read_text(encoding="utf-8")
    with watching(desk) as child:
        facts_until(child, "plugin_state_changed", plugin="hello-wat", state="ready")
        (sample / "plugin.wat").write_text(good + "\n(module", encoding="utf-8")
        failed = facts_until(child, "build_finished", plugin="hello-wat", ok=False)
        assert "plugin.wat" in str(failed[-1]["error"])
        (sample / "plugin.wat").write_text(good.replace("was written by", "was changed by"), encoding="utf-8")
        facts_until(child, "reload_finished", plugin="hello-wat")
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 143


def test_plugins_that_come_break_and_go_are_noticed(desk: Desk) -> None:
    sample = desk.sample("hello-wat")
    with watching(desk) as child:
        facts_until(child, "plugin_state_changed", plugin="hello-wat", state="ready")
        other = desk.plugins / ".other"
        other.mkdir()
        (other / "manifest.json").write_text(json.dumps(manifest_of("other")), encoding="utf-8")
        (other / "plugin.wat").write_text(plugin_wat(), encoding="utf-8")
        os.rename(other, desk.plugins / "other")
        facts_until(child, "plugin_state_changed", plugin="other", state="ready")
        (sample / "manifest.json").write_text("{", encoding="utf-8")
        stale = facts_until(child, "plugin_state_changed", plugin="hello-wat", state="stale")
        assert "manifest" in str(stale[-1]["reason"])
        os.rename(desk.plugins / "other", desk.root / "elsewhere")
        facts_until(child, "plugin_state_changed", plugin="other", state="removed")


def test_a_command_of_the_folder_waits_for_consent(desk: Desk) -> None:
    folder = desk.plugins / "probe"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(manifest_of("probe")), encoding="utf-8")
    (folder / "workbench.toml").write_text('[build]\ncommand = ["touch", "ran"]\n', encoding="utf-8")
    with watching(desk) as child:
        facts_until(child, "build_not_trusted", plugin="probe")
        assert not (folder / "ran").exists()
    with watching(desk, "--trust") as child:
        facts_until(child, "build_finished", plugin="probe")
        assert (folder / "ran").exists()


def test_people_read_lines_and_end_it_with_ctrl_c(desk: Desk) -> None:
    desk.sample("hello-wat")
    with desk.open("watch", "plugins", columns=120) as terminal:
        terminal.wait_for("hello-wat: ready, version 1.0.0")
        terminal.press("ctrl+c")
        assert terminal.wait_exit() == 130
        assert terminal.leftovers() == []


def test_it_ends_when_nobody_reads_any_more(desk: Desk) -> None:
    sample = desk.sample("hello-wat")
    with watching(desk) as child:
        facts_until(child, "plugin_state_changed", plugin="hello-wat", state="ready")
        assert child.stdout is not None
        child.stdout.close()
        (sample / "manifest.json").write_text("{", encoding="utf-8")
        assert child.wait(20) == 1

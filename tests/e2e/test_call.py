"""`workbench call` in a terminal, in a pipe, and when somebody loses patience."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import wasmtime

from engine.contracts.registry import find_method
from tests.e2e.conftest import Desk
from tests.engine.guests import FD_WRITE, plugin_wat, write_stderr
from tests.engine.harness import manifest_of

pytestmark = pytest.mark.pty

GREETING = ("call", "hello-wat", "GetArtistBiography", "--set", "name=Nina Simone", "--plugins", "plugins")


def write_looper(desk: Desk) -> None:
    """A plugin whose GetArtistMBID says `looping` and never ends."""
    say, data = write_stderr(b"looping\n")
    body = f"{say} (loop $for_ever (br $for_ever)) (i64.const 0)"
    wat = plugin_wat({find_method("GetArtistMBID").wire_name: body}, imports=FD_WRITE, fields=data)
    folder = desk.plugins / "looper"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(manifest_of("looper")))
    (folder / "plugin.wasm").write_bytes(bytes(wasmtime.wat2wasm(wat)))


def run_piped(desk: Desk, *words: str, **extra: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "workbench", *words]
    return subprocess.run(
        command, env=desk.environment(**extra), cwd=desk.root, capture_output=True, timeout=30, check=False
    )


def test_a_stranger_gets_an_answer_from_the_first_sample(desk: Desk) -> None:
    desk.sample("hello-wat")
    with desk.open(*GREETING, rows=30) as terminal:
        assert terminal.wait_exit() == 0
        screen = terminal.wait_for("Nina Simone", "ConfigService.GetPluginConfig", "guest output:", "in Navidrome:")
        assert "building hello-wat" in screen
        assert terminal.leftovers() == []
        assert b"\x1b[32mok\x1b[0m" in terminal.raw()


def test_without_a_terminal_or_with_no_color_there_are_no_colours(desk: Desk) -> None:
    desk.sample("hello-wat")
    piped = run_piped(desk, *GREETING, TERM="xterm-256color")
    assert (piped.returncode, b"\x1b" in piped.stdout) == (0, False)
    with desk.open(*GREETING, NO_COLOR="1") as terminal:
        assert terminal.wait_exit() == 0
        assert b"\x1b[32m" not in terminal.raw()


def test_json_is_all_there_is_on_stdout(desk: Desk) -> None:
    desk.sample("hello-wat")
    piped = run_piped(desk, *GREETING, "--json")
    assert json.loads(piped.stdout)["response"]["biography"].startswith("Hello, Nina Simone!")


def test_ctrl_c_cancels_the_call_and_still_reports_it(desk: Desk) -> None:
    write_looper(desk)
    with desk.open("call", "looper", "GetArtistMBID", "--plugins", "plugins") as terminal:
        terminal.wait_for("Ctrl-C cancels")
        terminal.press("ctrl+c")
        assert terminal.wait_exit() == 130
        terminal.wait_for("cancelled", "context canceled", "looping")
        assert terminal.leftovers() == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str)
def test_other_signals_end_it_with_their_status(desk: Desk, number: signal.Signals, status: int) -> None:
    write_looper(desk)
    with desk.open("call", "looper", "GetArtistMBID", "--plugins", "plugins") as terminal:
        terminal.wait_for("Ctrl-C cancels")
        terminal.send_signal(number)
        assert terminal.wait_exit() == status


def test_a_reader_that_leaves_early_gets_no_traceback(desk: Desk) -> None:
    desk.sample("hello-wat")
    command = f"{sys.executable} -m workbench {' '.join(GREETING[:3])} --plugins plugins --json 2>errors | true"
    subprocess.run(["sh", "-c", command], env=desk.environment(), cwd=desk.root, timeout=30, check=True)
    assert "Traceback" not in (desk.root / "errors").read_text()


def test_the_encoding_of_a_poor_terminal_does_not_matter(desk: Desk) -> None:
    desk.sample("hello-wat")
    words = [word.replace("Nina Simone", "Björk") for word in GREETING]
    piped = run_piped(desk, *words, "--json", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert "Björk" in json.loads(piped.stdout)["response"]["biography"]
    assert run_piped(desk, *words, PYTHONIOENCODING="ascii").returncode == 0


def test_a_folder_that_cannot_be_written_is_said_so(desk: Desk) -> None:
    sample: Path = desk.sample("hello-wat")
    sample.chmod(0o500)
    try:
        piped = run_piped(desk, *GREETING, "--json")
    finally:
        sample.chmod(0o700)
    if piped.returncode == 0:
        assert (sample / "plugin.wasm").exists(), "only a superuser can write there"
    else:
        assert piped.returncode == 3
        assert b"cannot write into" in piped.stderr

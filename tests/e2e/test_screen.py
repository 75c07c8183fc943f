"""The full screen in real terminals: a request is sent, a source is changed, something breaks, and it is left."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
import wasmtime

from tests.e2e.conftest import Desk
from tests.e2e.terminal import Terminal
from tests.engine.guests import FD_WRITE, plugin_wat, write_stderr
from tests.engine.harness import manifest_of

pytestmark = pytest.mark.pty

SIZES = [pytest.param(24, 80, id="80x24"), pytest.param(40, 120, id="120x40")]
DEMO = ("demo", "--plugins", "plugins")
_FORM_KEY = "^t Form/JSON"
"""In the key line while the focus is in the form."""
BIOGRAPHY = 3
"""Where GetArtistBiography stands in the list of methods."""


def choose_method(terminal: Terminal, position: int) -> None:
    """In the call pane, pick a method of the list; ends when its form has the focus."""
    terminal.press("f9")
    terminal.wait_for("Choose a method")
    terminal.wait_gone(_FORM_KEY)
    terminal.press(*["down"] * (position - 1), "enter")
    terminal.wait_gone("Choose a method")
    terminal.wait_for(_FORM_KEY)


def open_biography(terminal: Terminal, plugin: str = "hello-wat", *, limit_s: float = 30) -> None:
    """From the first screen to the biography request of the plugin on top of the list."""
    terminal.wait_for("1 ready", plugin, limit_s=limit_s)
    terminal.press("enter")
    terminal.wait_for(f"{plugin} MetadataAgent.GetArtistMBID")
    terminal.wait_for_cursor(" id ")
    choose_method(terminal, BIOGRAPHY)
    terminal.wait_for("MetadataAgent.GetArtistBiography", "mbid")
    terminal.wait_for_cursor(" id ")


def type_name(terminal: Terminal, name: str) -> None:
    """Fill in the second field of the form."""
    terminal.press("tab")
    terminal.wait_for_cursor(" name ")
    terminal.write(name)
    terminal.wait_for(f"name             {name}")


def leave(terminal: Terminal) -> None:
    """Quit by key, and find the terminal as it was."""
    terminal.press("ctrl+q")
    assert terminal.wait_exit() == 0
    assert terminal.leftovers() == []


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_a_request_is_typed_and_sent_and_its_answer_and_host_calls_are_seen(
    desk: Desk, rows: int, columns: int
) -> None:
    desk.sample("hello-wat")
    with desk.open(*DEMO, rows=rows, columns=columns) as terminal:
        open_biography(terminal)
        type_name(terminal, "Nina Simone")
        terminal.press("enter")
        terminal.wait_for('"biography": "Welcome, Nina Simone!', "ConfigService.GetPluginConfig", "Navidrome:")
        terminal.press("f4")
        terminal.wait_for(
            "TIME", "MetadataAgent.GetArtistBiography ", "└─ ConfigService.GetPluginConfig ", " ok", "Follow"
        )
        terminal.press("q")
        assert terminal.wait_exit() == 0
        assert terminal.leftovers() == []


@pytest.mark.parametrize(("rows", "columns"), SIZES)
def test_an_edit_is_reloaded_while_a_mistake_leaves_the_last_good_version(desk: Desk, rows: int, columns: int) -> None:
    source = desk.sample("hello-wat") / "plugin.wat"
    good = source.read_text(encoding="utf-8")
    with desk.open(*DEMO, rows=rows, columns=columns) as terminal:
        open_biography(terminal)
        type_name(terminal, "Nina")
        source.write_text(f"{good}\n(oops", encoding="utf-8")
        terminal.wait_for("1 build failed", "still serves: plugin.wat:")
        terminal.press("f5")
        terminal.wait_for("was written by")
        source.write_text(good.replace("was written by", "was changed by"), encoding="utf-8")
        terminal.wait_for("1 ready")
        terminal.press("f5")
        terminal.wait_for("was changed by")
        leave(terminal)


def test_a_plugin_with_a_broken_manifest_is_listed_with_the_reason_and_recovers(desk: Desk) -> None:
    manifest = desk.sample("hello-wat") / "manifest.json"
    good = manifest.read_text(encoding="utf-8")
    manifest.write_text(good.replace('"MetadataAgent"', '"MetadataAgnt"'), encoding="utf-8")
    with desk.open(*DEMO) as terminal:
        terminal.wait_for("1 failed", "invalid manifest", 'Did you mean "MetadataAgent"?', "manifest.json:7")
        manifest.write_text(good, encoding="utf-8")
        terminal.wait_for("1 ready")
        leave(terminal)


def test_plugins_that_come_and_go_are_noticed(desk: Desk) -> None:
    sample = desk.sample("hello-wat")
    with desk.open(*DEMO) as terminal:
        terminal.wait_for("1 ready")
        os.rename(sample, desk.root / "away")
        terminal.wait_gone("hello-wat")
        os.rename(desk.root / "away", desk.plugins / "back-again")
        terminal.wait_for("hello-wat", "1 ready")
        leave(terminal)


def test_a_build_command_of_the_folder_runs_only_after_a_yes(desk: Desk) -> None:
    sample = desk.sample("hello-wat")
    (sample / "ready.bin").write_bytes(bytes(wasmtime.wat2wasm((sample / "plugin.wat").read_text(encoding="utf-8"))))
    (sample / "workbench.toml").write_text(
        '[build]\ncommand = ["cp", "ready.bin", "{output}"]\nsources = ["ready.bin"]\n', encoding="utf-8"
    )
    with desk.open(*DEMO) as terminal:
        terminal.wait_for("1 not trusted")
        terminal.press("t")
        terminal.wait_for("Build hello-wat?", "cp ready.bin", "Run this command")
        terminal.press("n")
        terminal.wait_gone("Run this command")
        assert not (sample / "plugin.wasm").exists()
        terminal.press("t")
        terminal.wait_for("Run this command")
        terminal.press("y")
        terminal.wait_for("1 ready")
        leave(terminal)
    with desk.open(*DEMO) as terminal:
        # The answer is remembered: a changed source builds without another question.
        terminal.wait_for("1 ready")
        (sample / "ready.bin").write_bytes(b"no module at all")
        terminal.wait_for("1 stale", "not a WebAssembly module")
        leave(terminal)


def test_a_trap_and_a_flood_break_nothing_but_their_own_call(desk: Desk) -> None:
    say, data = write_stderr(b"flood " * 200 + b"\n")
    flood = f"(loop $more {say} (br $more)) (i64.const 0)"
    bodies = {"metadata_agent_get_artist_mbid": flood, "metadata_agent_get_artist_biography": "unreachable"}
    folder = desk.plugins / "rowdy"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(manifest_of("rowdy")), encoding="utf-8")
    (folder / "plugin.wat").write_text(plugin_wat(bodies, imports=FD_WRITE, fields=data), encoding="utf-8")
    with desk.open(*DEMO) as terminal:
        terminal.wait_for("1 ready")
        terminal.press("enter")
        terminal.wait_for_cursor(" id ")
        terminal.press("f5")
        terminal.wait_for("output_limit")
        choose_method(terminal, BIOGRAPHY)
        terminal.wait_for_cursor(" id ")
        terminal.press("f5")
        terminal.wait_for(" trap ", "unreachable")
        terminal.press("f6")
        terminal.wait_for("flood", "Follow")
        leave(terminal)


def test_output_of_a_plugin_never_draws_on_the_screen(desk: Desk) -> None:
    source = desk.sample("hello-wat") / "plugin.wat"
    text = source.read_text(encoding="utf-8").replace("was written by", "\\1b[2J\\1b]0;p\\07.")
    source.write_text(text, encoding="utf-8")
    with desk.open(*DEMO) as terminal:
        open_biography(terminal)
        type_name(terminal, "Nina")
        terminal.press("f5")
        terminal.wait_for("Welcome, Nina!", "F2 Plugins")
        assert b"\x1b]0;p\x07" not in terminal.raw()
        leave(terminal)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGABRT, 134)], ids=str
)
def test_a_signal_leaves_the_terminal_clean(desk: Desk, number: signal.Signals, status: int) -> None:
    desk.sample("hello-wat")
    with desk.open(*DEMO) as terminal:
        terminal.wait_for("1 ready")
        if number is signal.SIGABRT:
            # Native code aborts inside the screen's own process, not in the guard that waits for it.
            os.kill(screen_process(terminal), number)
        else:
            terminal.send_signal(number)
        assert terminal.wait_exit() == status
        assert terminal.leftovers() == []


def screen_process(terminal: Terminal) -> int:
    """The process that draws: the only child of the one that was started."""
    children = Path(f"/proc/{terminal.pid}/task/{terminal.pid}/children")
    if not children.exists():
        pytest.skip("this system does not tell the children of a process")
    (child,) = children.read_text(encoding="ascii").split()
    return int(child)


def test_closing_the_window_ends_the_program(desk: Desk) -> None:
    desk.sample("hello-wat")
    with desk.open(*DEMO) as terminal:
        terminal.wait_for("1 ready")
        terminal.hang_up()
        assert terminal.wait_exit() == 129


def test_a_window_may_change_its_size_and_be_too_small(desk: Desk) -> None:
    desk.sample("hello-wat")
    with desk.open(*DEMO) as terminal:
        terminal.wait_for("1 ready")
        terminal.resize(12, 40)
        terminal.wait_for("hello-wat")
        terminal.resize(40, 120)
        terminal.wait_for("1 ready", "hello-wat", "F6 Log")
        leave(terminal)


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_show_it_is_told_so(desk: Desk, term: str) -> None:
    with desk.open("plugins", term=term) as terminal:
        assert terminal.wait_exit() == 1
        terminal.wait_for("full screen", "workbench call")
        assert terminal.leftovers() == []


def test_the_screen_needs_no_standard_output(desk: Desk) -> None:
    desk.sample("hello-wat")
    command = ["sh", "-c", 'exec "$0" -m workbench plugins >&-', sys.executable]
    with Terminal(command, env=desk.environment(), cwd=desk.root) as terminal:
        terminal.wait_for("1 ready", "hello-wat", limit_s=30)
        leave(terminal)


def test_the_folder_to_work_on_can_be_named_or_is_the_current_one(desk: Desk) -> None:
    desk.sample("hello-wat")
    for words in (["plugins"], ["--plugins", "plugins"], ["plugins/hello-wat"], []):
        with desk.open(*words) as terminal:
            terminal.wait_for("hello-wat", "1 ready")
            leave(terminal)


@pytest.mark.go
def test_go_source_is_changed_and_the_new_answer_appears_without_a_restart(desk: Desk) -> None:
    samples = desk.checkout("lyre-metadata")
    source = samples / "lyre-metadata" / "main.go"
    with desk.open("demo", rows=40, columns=120) as terminal:
        open_biography(terminal, "lyre-metadata", limit_s=120)
        terminal.press("f7")
        terminal.wait_for("Fill")
        terminal.press("enter", "f5")
        terminal.wait_for('"biography": "', "HttpService.Get", "CacheService.")
        code = source.read_text(encoding="utf-8")
        source.write_text(code.replace("Biography: found", 'Biography: "Changed! " + found'), encoding="utf-8")
        terminal.wait_for("building", limit_s=30)
        terminal.wait_for("1 ready", limit_s=120)
        terminal.press("f5")
        terminal.wait_for('"biography": "Changed! ')
        leave(terminal)

"""The program's own words: help, version, unknown commands, paths; and what they cost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.workbench.cli.conftest import CommandLine
from workbench.cli.main import COMMANDS, is_path

HELP_FOLDER = Path(__file__).parent / "help"
HELPS = {
    "workbench": [],
    "workbench-demo": ["demo"],
    "workbench-call": ["call"],
    "workbench-watch": ["watch"],
    "workbench-plugin": ["plugin"],
    "workbench-plugin-list": ["plugin", "list"],
    "workbench-plugin-info": ["plugin", "info"],
    "workbench-plugin-validate": ["plugin", "validate"],
    "workbench-plugin-install": ["plugin", "install"],
    "workbench-plugin-remove": ["plugin", "remove"],
    "workbench-plugin-update": ["plugin", "update"],
    "workbench-plugin-refresh": ["plugin", "refresh"],
    "workbench-plugin-dev": ["plugin", "dev"],
    "workbench-plugin-pack": ["plugin", "pack"],
    "workbench-plugin-enable": ["plugin", "enable"],
    "workbench-plugin-disable": ["plugin", "disable"],
    "workbench-cache": ["cache"],
    "workbench-cache-list": ["cache", "list"],
    "workbench-cache-purge": ["cache", "purge"],
    "workbench-config": ["config"],
}
HEAVY = ("engine", "google", "httpx", "rich", "textual", "wasmtime", "watchfiles")


def loaded_after(words: Sequence[str]) -> set[str]:
    """Which of the heavy packages a fresh interpreter has loaded after running `workbench` with these words."""
    program = (
        "import sys\n"
        "from workbench.__main__ import main\n"
        f"status = main({list(words)!r})\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    return set(ended.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("name", HELPS)
def test_the_help_is_the_text_that_was_agreed(cli: CommandLine, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    ran = cli.run_bare(*HELPS[name], "--help")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (HELP_FOLDER / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["call", "--help"], ["plugin", "--help"], ["nonsense"]])
def test_talking_about_itself_loads_nothing_heavy(words: list[str]) -> None:
    assert loaded_after(words) == set()


@pytest.mark.parametrize(
    "words", [["call", "nobody", "GetArtistMBID"], ["plugin", "list"], ["cache", "list"], ["call", "x", "y"]]
)
def test_the_command_line_never_loads_the_screen(words: list[str]) -> None:
    assert loaded_after(words).isdisjoint({"textual", "rich"})


def test_the_version_is_one_line(cli: CommandLine) -> None:
    ran = cli.run_bare("--version")
    assert (ran.status, ran.err) == (0, "")
    assert re.fullmatch(
        r"workbench ([0-9]+\.[0-9]+\.[0-9]+\S*|\(from a source tree that is not installed\))\n", ran.out
    )


def test_the_module_runs_as_a_program() -> None:
    ended = subprocess.run([sys.executable, "-m", "workbench", "--version"], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout.split()[0]) == (0, "workbench")


@pytest.mark.parametrize(
    ("word", "hint"),
    [("cal", 'did you mean "call"?'), ("plugins", 'did you mean "plugin"?'), ("zzz", "commands: demo,")],
)
def test_an_unknown_first_word_is_an_error_with_the_nearest_command(cli: CommandLine, word: str, hint: str) -> None:
    ran = cli.run_bare(word)
    assert (ran.status, ran.out) == (2, "")
    assert f'unknown command "{word}"' in ran.err
    assert hint in ran.err


@pytest.mark.parametrize("word", ["./demo", "/nowhere/at/all", "..", "~/plugins", "sub/folder"])
def test_a_word_that_is_written_like_a_path_is_one(word: str) -> None:
    assert is_path(word)


def test_a_folder_is_a_path_unless_a_command_has_its_name(cli: CommandLine) -> None:
    Path("my-plugins").mkdir()
    assert is_path("my-plugins")
    assert not is_path("demo")


@pytest.mark.parametrize("words", [["./demo"], ["watch", "./demo"]])
def test_a_path_that_is_not_there_is_an_error(cli: CommandLine, words: list[str]) -> None:
    ran = cli.run_bare(*words)
    assert (ran.status, ran.out) == (2, "")
    assert "no such folder" in ran.err


def test_an_unknown_option_is_an_error_with_the_usage(cli: CommandLine) -> None:
    ran = cli.run_bare("--jsn")
    assert ran.status == 2
    assert "unrecognized arguments: --jsn" in ran.err
    assert "usage: workbench" in ran.err


def test_every_command_says_what_it_does() -> None:
    assert all(command.summary.endswith(".") for command in COMMANDS)
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("words", [["call", "x", "GetArtistMBID", "--template"], ["watch", "--json"]])
def test_a_full_disk_behind_stdout_is_told_and_ends_the_command(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "broken").mkdir()
    (tmp_path / "plugins" / "broken" / "manifest.json").write_text("{")
    program = f"import sys\nfrom workbench.cli.main import main\nsys.exit(main({words!r} + ['--plugins', 'plugins']))"
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-c", program],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environ,
            timeout=30,
        )
    assert (ended.returncode, ended.stderr) == (
        1,
        "workbench: cannot write to standard output: No space left on device\n",
    )

"""What `call` builds before it calls, and what it refuses to run unasked."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import pytest
import wasmtime

from engine.contracts.registry import find_method
from tests.engine.guests import answer, plugin_wat, string_field
from tests.engine.harness import manifest_of
from tests.workbench.cli.conftest import CommandLine

MBID = find_method("GetArtistMBID")


def module_text(mbid: str) -> str:
    body, data = answer(string_field(1, mbid))
    return plugin_wat({MBID.wire_name: body}, fields=data)


def write_folder(cli: CommandLine, **files: str) -> Path:
    folder = cli.plugins.folder / "probe"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest_of("probe")))
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def recipe_that_copies(folder: Path, mbid: str) -> str:
    """A workbench.toml whose command brings a ready module."""
    ready = folder.parent.parent / f"{mbid}.ready"
    ready.write_bytes(bytes(wasmtime.wat2wasm(module_text(mbid))))
    script = f"import shutil, sys; print('copying'); shutil.copyfile({str(ready)!r}, sys.argv[1])"
    command = json.dumps([sys.executable, "-I", "-c", script, "{output}"])
    return f'[build]\ncommand = {command}\nsources = ["*.src"]\n'


def call(cli: CommandLine, *more: str) -> tuple[int, object, str]:
    ran = cli.run("call", "probe", "GetArtistMBID", "--json", *more)
    return ran.status, ran.json()["response"], ran.err


def test_a_text_module_is_built_when_there_is_none_and_when_it_changed(cli: CommandLine) -> None:
    folder = write_folder(cli, plugin_wat=module_text("first"))
    status, response, said = call(cli)
    assert (status, response) == (0, {"mbid": "first"})
    assert "building probe" in said
    assert call(cli) == (0, {"mbid": "first"}, "")
    (folder / "plugin.wat").write_text(module_text("second"))
    os.utime(folder / "plugin.wat", ns=(0, (folder / "plugin.wasm").stat().st_mtime_ns + 1_000_000_000))
    assert call(cli)[:2] == (0, {"mbid": "second"})


def test_a_text_module_that_is_wrong_is_refused_with_its_line(cli: CommandLine) -> None:
    write_folder(cli, plugin_wat="(module\n  (func (unknown)))")
    status, response, said = call(cli)
    assert (status, response) == (3, None)
    assert "plugin.wat:2:" in said


def test_a_command_of_the_folder_runs_only_when_told_to(cli: CommandLine) -> None:
    folder = write_folder(cli)
    (folder / "workbench.toml").write_text(recipe_that_copies(folder, "built"))
    status, response, said = call(cli)
    assert (status, response) == (3, None)
    assert "no plugin.wasm found" in said
    assert f"--trust runs that command: {shlex.quote(sys.executable)}" in said
    assert not (folder / "plugin.wasm").exists()
    status, response, said = call(cli, "--trust")
    assert (status, response) == (0, {"mbid": "built"})
    assert "  copying" in said


def test_the_variables_of_a_command_are_told_whole_where_trust_is_suggested(cli: CommandLine) -> None:
    folder = write_folder(cli)
    config = recipe_that_copies(folder, "built") + f'env = {{ GOFLAGS = "{"x" * 2500} -toolexec=/evil" }}\n'
    (folder / "workbench.toml").write_text(config)
    _, _, said = call(cli)
    assert "with GOFLAGS='xxx" in said
    assert said.count("x") >= 2500
    assert "-toolexec=/evil'" in said


def test_a_module_older_than_its_sources_is_called_and_said_to_be_old(cli: CommandLine) -> None:
    folder = write_folder(cli)
    (folder / "workbench.toml").write_text(recipe_that_copies(folder, "new"))
    (folder / "plugin.wasm").write_bytes(bytes(wasmtime.wat2wasm(module_text("old"))))
    os.utime(folder / "plugin.wasm", ns=(0, 0))
    status, response, said = call(cli)
    assert (status, response) == (0, {"mbid": "old"})
    assert "plugin.wasm is older than its sources" in said


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('[build]\ncommand = ["sh", "-c", "echo no luck; exit 4"]\n', "exit status 4"),
        ('[build]\ncommand = ["no-such-program-anywhere"]\n', "cannot run `no-such-program-anywhere`"),
        ("[build\n", "workbench.toml:1"),
    ],
)
def test_a_build_that_fails_is_told_with_its_reason(cli: CommandLine, config: str, said: str) -> None:
    write_folder(cli, workbench_toml=config)
    status, _, err = call(cli, "--trust")
    assert status == 3
    assert said in err

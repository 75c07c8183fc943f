"""`workbench plugin validate`: what it finds, where it says it, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.guests import host_import, plugin_wat
from tests.engine.harness import manifest_of
from tests.engine.refused_modules import REFUSALS, wat_with_types
from tests.waiting import wait_until
from tests.workbench.cli.conftest import CommandLine

MBID = "metadata_agent_get_artist_mbid"
SPINS = "(loop $l (br $l))"
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # whatever started the tests may have had it ignored
from workbench.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_good_folder_is_valid(cli: CommandLine) -> None:
    folder = cli.plugins.write(plugin_wat())
    ran = cli.run("plugin", "validate", str(folder))
    assert (ran.status, ran.out, ran.err) == (0, f"{folder}: valid\n", "")
    assert cli.run("plugin", "validate", str(folder), "--json").json() == {
        "folder": str(folder),
        "ok": True,
        "errors": [],
        "notes": [],
        "checked": ["manifest", "module", "start"],
    }


@pytest.mark.parametrize(("module", "text"), [(case[1], case[3]) for case in REFUSALS if not case[2]])
def test_a_module_that_would_not_load_is_not_valid(cli: CommandLine, module: str | bytes, text: str) -> None:
    ran = cli.run("plugin", "validate", str(cli.plugins.write(module)))
    assert (ran.status, ran.out) == (1, "")
    assert text in ran.err


def test_everything_that_is_wrong_is_named_with_its_place(cli: CommandLine) -> None:
    folder = cli.plugins.write(
        plugin_wat(
            imports=host_import("get"),
            drop=[MBID],
            fields=f'(func (export "{MBID}") (param i64) (result i64) (i64.const 0))',
        ),
        manifest={"permissions": {}} | manifest_of("probe"),
    )
    ran = cli.run("plugin", "validate", str(folder), "--json")
    value = ran.json()
    assert (ran.status, value["ok"], value["checked"]) == (1, False, ["manifest", "module"])
    assert [(error["error"], error["place"]) for error in value["errors"]] == [
        ('"get" is not exported in module "env"', f"{folder}/manifest.json:1:2 (/permissions)"),
        (
            f"{MBID} is exported as (i64) -> (i64), expected (i32, i32) -> (i64)",
            f"{folder}/plugin.wasm ({MBID})",
        ),
    ]
    assert "The module calls HttpService, and the manifest does not grant it" in value["errors"][0]["hint"]
    for error in value["errors"]:
        assert f"workbench: {error['error']}\n  at {error['place']}\n" in ran.err


def test_a_bad_manifest_does_not_hide_a_bad_module(cli: CommandLine) -> None:
    folder = cli.plugins.write(b"no module")
    (folder / "manifest.json").write_text('{"name": "probe"}')
    ran = cli.run("plugin", "validate", str(folder), "--json")
    assert (ran.status, ran.json()["ok"]) == (1, False)
    assert [error["place"].removeprefix(f"{folder}/").partition(":")[0] for error in ran.json()["errors"]] == [
        "manifest.json",
        "plugin.wasm",
    ]
    assert "field author in PluginManifest: required" in ran.err
    assert "not a WebAssembly module" in ran.err


def test_a_module_that_is_not_built_yet_is_a_note(cli: CommandLine) -> None:
    folder = cli.plugins.write(plugin_wat())
    (folder / "plugin.wasm").unlink()
    ran = cli.run("plugin", "validate", str(folder))
    assert (ran.status, ran.out) == (0, f"{folder}: the manifest is valid\n")
    assert ran.err.startswith("workbench: note: there is no plugin.wasm yet. Build the plugin")
    value = cli.run("plugin", "validate", str(folder), "--json").json()
    assert (value["ok"], len(value["notes"]), value["checked"]) == (True, 1, ["manifest"])


def test_a_module_has_to_be_a_file(cli: CommandLine) -> None:
    folder = cli.plugins.write(plugin_wat())
    (folder / "plugin.wasm").unlink()
    (folder / "plugin.wasm").mkdir()
    ran = cli.run("plugin", "validate", str(folder))
    assert (ran.status, ran.out) == (1, "")
    assert "no plugin.wasm found: not a regular file" in ran.err


def test_places_stay_as_the_folder_was_written(cli: CommandLine) -> None:
    os.rename(cli.plugins.write(b""), "mine")
    value = cli.run("plugin", "validate", "mine", "--json").json()
    assert (value["folder"], value["errors"][0]["place"]) == ("mine", "mine/plugin.wasm")


def test_nothing_of_the_plugin_runs_with_no_start(cli: CommandLine) -> None:
    wat = wat_with_types("metadata_agent_api_version", "(result i64)", "(i64.const 2)")
    folder = cli.plugins.write(wat)
    assert "API version mismatch, host: 1, plugin: 2" in cli.run("plugin", "validate", str(folder)).err
    ran = cli.run("plugin", "validate", str(folder), "--no-start", "--json")
    assert (ran.status, ran.json()["checked"]) == (0, ["manifest", "module"])


def test_what_could_not_be_judged_is_a_note(cli: CommandLine) -> None:
    wat = plugin_wat(
        imports=host_import("get_config"), initialize="(drop (call $get_config (i32.const 0) (i32.const 0)))"
    )
    manifest = manifest_of("probe", permissions={"config": {"reason": "r"}})
    ran = cli.run("plugin", "validate", str(cli.plugins.write(wat, manifest=manifest)))
    assert ran.status == 0
    assert ran.err.startswith("workbench: note: while it starts the module calls env.get_config")


def test_a_folder_is_judged_while_plugins_are_disabled(cli: CommandLine) -> None:
    Path("navidrome.toml").write_text("[Plugins]\nEnabled = false\n")
    assert cli.run_bare("plugin", "validate", str(cli.plugins.write(plugin_wat()))).status == 0


@pytest.mark.parametrize("word", ["missing", "file"])
def test_what_is_no_folder_is_wrong_usage(cli: CommandLine, word: str) -> None:
    Path("file").touch()
    assert cli.run("plugin", "validate", word).status == 2


def test_hostile_names_are_printed_inert(cli: CommandLine) -> None:
    wat = plugin_wat(imports='(import "\\1b[31m" "\\e2\\80\\aeevil\\07" (func))')
    for words in ([], ["--json"]):
        ran = cli.run("plugin", "validate", str(cli.plugins.write(wat)), *words)
        assert "evil" in ran.err
        assert all(line.isprintable() for line in (ran.out + ran.err).splitlines())


def test_an_interrupt_ends_a_start_that_spins(cli: CommandLine, tmp_path: Path) -> None:
    folder = cli.plugins.write(plugin_wat(initialize=SPINS))
    words = [sys.executable, "-c", _PROGRAM, "plugin", "validate", str(folder)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        # The compiled module is kept right before the start.
        wait_until(lambda: any((tmp_path / "cache").rglob("*.cwasm")), what="the compiled module")
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert (child.returncode, out, err) == (130, b"", b"")

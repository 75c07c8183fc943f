"""`workbench call`: requests that work, and every way in which one does not."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from engine.contracts.registry import find_method
from engine.settings import Fidelity
from tests.engine.guests import FD_WRITE, answer, host_import, plugin_wat, string_field, write_stderr
from tests.engine.harness import manifest_of
from tests.workbench.cli.conftest import CommandLine

MBID = find_method("GetArtistMBID")
ON_INIT = find_method("OnInit")


def answering(text: bytes, *, error: bool = False) -> str:
    """A metadata agent that answers every GetArtistMBID with these bytes."""
    body, data = answer(text, error=error)
    return plugin_wat({MBID.wire_name: body}, fields=data)


def echoing() -> str:
    """A metadata agent whose GetArtistMBID answers the first field of its request as its own first field."""
    copy = (
        "(local.set $a (call $malloc (local.get $len)))"
        "(memory.copy (local.get $a) (local.get $ptr) (local.get $len))"
        "(i64.or (i64.shl (i64.extend_i32_u (local.get $a)) (i64.const 32)) (i64.extend_i32_u (local.get $len)))"
    )
    return plugin_wat({MBID.wire_name: copy})


def test_the_answer_comes_as_json_with_status_0(cli: CommandLine) -> None:
    cli.plugins.write(answering(string_field(1, "mbid-1")))
    ran = cli.run("call", "probe", "MetadataAgent.GetArtistMBID", "--json")
    assert (ran.status, ran.err) == (0, "")
    value = ran.json()
    assert (value["plugin"], value["version"], value["method"]) == ("probe", "1.0.0", MBID.full_name)
    assert (value["ok"], value["outcome"], value["response"]) == (True, "ok", {"mbid": "mbid-1"})


def test_people_get_a_report(cli: CommandLine) -> None:
    cli.plugins.write(answering(string_field(1, "mbid-1")))
    ran = cli.run("call", "probe", "GetArtistMBID")
    assert ran.status == 0
    assert ran.out.startswith("probe 1.0.0  MetadataAgent.GetArtistMBID  ok  ")
    assert '"mbid": "mbid-1"' in ran.out


def test_set_and_json_reach_the_plugin_together(cli: CommandLine) -> None:
    cli.plugins.write(echoing())
    ran = cli.run("call", "probe", "GetArtistMBID", "-d", '{"id": "from json"}', "--set", "id=from set", "--json")
    assert ran.json()["response"] == {"mbid": "from set"}
    assert cli.run("call", "probe", "GetArtistMBID", "-d", '{"id": "j"}', "--json").json()["response"] == {"mbid": "j"}


def test_a_request_is_read_from_a_file_and_from_standard_input(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.plugins.write(echoing())
    Path("request.json").write_text('{"id": "from a file"}')
    ran = cli.run("call", "probe", "GetArtistMBID", "-d", "@request.json", "--json")
    assert ran.json()["response"] == {"mbid": "from a file"}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"id": "piped"}')))
    assert cli.run("call", "probe", "GetArtistMBID", "-d", "-", "--json").json()["response"] == {"mbid": "piped"}


def test_the_template_is_a_request_that_can_be_sent(cli: CommandLine) -> None:
    ran = cli.run("call", "probe", "GetArtistMBID", "--template")
    assert (ran.status, ran.json()) == (0, {"id": "", "name": ""})


@pytest.mark.parametrize(
    ("text", "outcome"),
    [(b"plugin:not_found", "not_found"), (b"plugin:not_implemented", "not_implemented"), (b"no such luck", "error")],
)
def test_any_outcome_but_ok_has_status_1_and_the_plugins_own_text(cli: CommandLine, text: bytes, outcome: str) -> None:
    cli.plugins.write(answering(text, error=True))
    ran = cli.run("call", "probe", "GetArtistMBID", "--json")
    assert ran.status == 1
    assert (ran.json()["ok"], ran.json()["outcome"], ran.json()["error"]) == (False, outcome, text.decode())
    assert ran.json()["response"] is None


def test_a_trap_and_a_timeout_are_reported_not_suffered(cli: CommandLine) -> None:
    bodies = {MBID.wire_name: "unreachable", find_method("GetArtistURL").wire_name: "(loop $l (br $l)) (i64.const 0)"}
    cli.plugins.write(plugin_wat(bodies))
    assert cli.run("call", "probe", "GetArtistMBID", "--json").json()["outcome"] == "trap"
    ran = cli.run("call", "probe", "GetArtistURL", "--timeout", "0.2", "--json")
    assert (ran.status, ran.json()["outcome"]) == (1, "timeout")


def test_only_the_plugin_that_is_called_is_loaded(cli: CommandLine) -> None:
    traps_in_init = plugin_wat({ON_INIT.wire_name: "unreachable"}, capabilities=("LifecycleManagement",))
    cli.plugins.write(traps_in_init, folder="other", manifest=manifest_of("other", ["LifecycleManagement"]))
    cli.plugins.write(answering(b""))
    ran = cli.run("call", "probe", "GetArtistMBID", "--json")
    assert (ran.status, ran.err) == (0, "")


# What is wrong with the words: status 2, nothing on stdout, and what to do.


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody", "GetArtistMBID"], ["plugin not found: nobody", "there are: probe"]),
        (["prob", "GetArtistMBID"], ["plugin not found: prob", 'did you mean "probe"?']),
        (["probe", "GetArtistMBIDs"], ["no capability has a method", "Did you mean MetadataAgent.GetArtistMBID?"]),
        (["probe", "HttpService.Get"], ["belongs to the host"]),
        (["probe", "GetArtistMBID", "-d", "{"], ["not valid JSON", "line 1, column 2"]),
        (["probe", "GetArtistMBID", "-d", '{\n"id": 3}'], ["expected", "line 2, column 1 (id)"]),
        (["probe", "GetArtistMBID", "-d", '{"nme": ""}'], ["nme", 'Did you mean "name"?']),
        (["probe", "GetArtistMBID", "-d", "[]"], ["must be a JSON object, not an array"]),
        (["probe", "GetArtistMBID", "-d", "@missing.json"], ["cannot read the request from missing.json"]),
        (["probe", "GetArtistMBID", "--set", "id"], ['has no "="']),
        (["probe", "GetArtistMBID", "--set", "nme=x"], ["nme"]),
        (["probe", "GetArtistMBID", "--timeout", "soon"], ["invalid number of seconds value: 'soon'"]),
        (["probe", "GetArtistMBID", "--timeout", "0"], ["invalid number of seconds value: '0'"]),
        (["probe", "GetArtistMBID", "--timeout", "nan"], ["invalid number of seconds value: 'nan'"]),
        (["probe"], ["required: METHOD", "usage: workbench call"]),
        (["probe", "GetArtistMBID", "extra"], ["unrecognized arguments: extra"]),
        (["../probe", "GetArtistMBID"], ["is not a plugin name", "--plugins DIR"]),
        (["..", "GetArtistMBID"], ["is not a plugin name"]),
        ([" ", "GetArtistMBID"], ["is not a plugin name"]),
    ],
)
def test_wrong_words_have_status_2_and_say_what_to_do(cli: CommandLine, words: list[str], said: list[str]) -> None:
    cli.plugins.write(answering(b""))
    ran = cli.run("call", *words)
    assert (ran.status, ran.out) == (2, "")
    for text in said:
        assert text in ran.err


def test_a_settings_file_with_a_syntax_error_is_refused_with_its_line(cli: CommandLine) -> None:
    Path("navidrome.toml").write_text('ShareURL = "http://x"\n[Plugins\n')
    ran = cli.run("call", "probe", "GetArtistMBID")
    assert (ran.status, ran.out) == (2, "")
    assert "navidrome.toml:2" in ran.err


def test_a_settings_file_that_does_not_exist_is_refused(cli: CommandLine) -> None:
    ran = cli.run("call", "probe", "GetArtistMBID", "--config", "missing.toml")
    assert ran.status == 2
    assert "missing.toml" in ran.err


def test_a_folder_without_plugins_is_named(cli: CommandLine) -> None:
    ran = cli.run_bare("call", "probe", "GetArtistMBID")
    assert ran.status == 2
    assert f"There are no plugins in {Path.cwd()}" in ran.err


# What is wrong with the plugin: status 3, the reason on stderr.


def refused_load(cli: CommandLine, method: str = "GetArtistMBID") -> str:
    ran = cli.run("call", "probe", method, "--json")
    assert (ran.status, ran.json()["outcome"], ran.json()["ok"]) == (3, "load_failed", False)
    return ran.err


def test_a_capability_that_the_manifest_does_not_declare(cli: CommandLine) -> None:
    cli.plugins.write(answering(b""))
    said = refused_load(cli, "Scrobbler.Scrobble")
    assert "capability: Scrobbler" in said
    assert 'add "Scrobbler" to "capabilities"' in said


def test_a_module_that_is_not_webassembly(cli: CommandLine) -> None:
    cli.plugins.write(b"MZ\x90\x00 not wasm")
    said = refused_load(cli)
    assert "not a WebAssembly module" in said
    assert str(cli.plugins.folder / "probe" / "plugin.wasm") in said


def test_a_missing_export(cli: CommandLine) -> None:
    cli.plugins.write(plugin_wat(drop=[MBID.wire_name]))
    said = refused_load(cli)
    assert f"{MBID.wire_name} is not exported" in said
    assert "RegisterMetadataAgent" in said


def test_a_missing_permission_names_it_and_the_manifest_line(cli: CommandLine) -> None:
    cli.plugins.write(plugin_wat(imports=host_import("get")))
    said = refused_load(cli)
    assert '"get" is not exported in module "env"' in said
    assert '"http": {"reason"' in said


def test_a_broken_manifest_has_its_line(cli: CommandLine) -> None:
    folder = cli.plugins.write(answering(b""))
    (folder / "manifest.json").write_text('{\n "name": "probe",\n}')
    assert "manifest.json:3:1" in refused_load(cli)


def test_a_plugin_for_a_later_navidrome_is_recognised(cli: CommandLine) -> None:
    folder = cli.plugins.write(plugin_wat(imports='(import "extism:host/env" "alloc" (func (param i64) (result i64)))'))
    assert "0.60" in refused_load(cli)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["capabilities"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert "0.60" in refused_load(cli)


def test_an_oninit_that_says_no(cli: CommandLine) -> None:
    body, data = answer(b"no API key", error=True)
    wat = plugin_wat({ON_INIT.wire_name: body}, capabilities=("MetadataAgent", "LifecycleManagement"), fields=data)
    cli.plugins.write(wat, manifest=manifest_of("probe", ["MetadataAgent", "LifecycleManagement"]))
    assert "no API key" in refused_load(cli)


def test_disabled_plugins_are_not_called(cli: CommandLine) -> None:
    Path("navidrome.toml").write_text("[Plugins]\nEnabled = false\n")
    ran = cli.run_bare("call", "probe", "GetArtistMBID")
    assert ran.status == 3
    assert "plugins are disabled" in ran.err


def test_hostile_names_and_texts_are_printed_inert(cli: CommandLine) -> None:
    cli.plugins.write(answering(b"\x1b]52;c;QUFB\x07\xc2\x9b2J", error=True))
    for words in (["call", "probe", "GetArtistMBID"], ["call", "\x1b[2J", "GetArtistMBID"], ["\x1b[2J"]):
        ran = cli.run(*words)
        assert all(line.isprintable() for line in (ran.out + ran.err).splitlines())


def test_one_call_can_be_made_as_navidrome_makes_it(cli: CommandLine) -> None:
    say, data = write_stderr(b"to stdout\n", descriptor=1)
    cli.plugins.write(plugin_wat({MBID.wire_name: f"{say} (i64.const 0)"}, imports=FD_WRITE, fields=data))

    def lines(*options: str) -> list[str]:
        logs = cli.run("call", "probe", "GetArtistMBID", "--json", *options).json()["logs"]
        return [line["text"] for line in logs]

    assert lines() == lines("--fidelity", "document") == ["to stdout"]
    assert lines("--fidelity", "navidrome") == []


def test_the_fidelities_of_the_option_are_those_of_the_settings(cli: CommandLine) -> None:
    ran = cli.run("call", "probe", "GetArtistMBID", "--fidelity", "approximate")
    assert ran.status == 2
    assert all(word.value in ran.err for word in Fidelity)

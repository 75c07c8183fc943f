"""`workbench plugin list` and `info`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.guests import plugin_wat
from tests.engine.harness import manifest_of
from tests.workbench.cli.conftest import CommandLine

PERMISSIONS = {
    "http": {
        "reason": "to ask",
        "allowedUrls": {"https://b.example/*": ["GET"], "https://a.example/*": ["GET", "POST"]},
    },
    "subsonicapi": {"reason": "to browse", "allowAdmins": True},
}


def write_good(cli: CommandLine, name: str = "probe") -> Path:
    manifest = manifest_of(name, permissions=PERMISSIONS, website="https://example.org")
    return cli.plugins.write(plugin_wat(), folder=name, manifest=manifest)


def test_list_prints_an_aligned_row_for_each_plugin_sorted_by_name(cli: CommandLine) -> None:
    write_good(cli, "zither")
    write_good(cli, "a-much-longer-name")
    ran = cli.run("plugin", "list")
    header, first, second = ran.out.splitlines()
    assert ran.status == 0
    assert header.split("  ")[0] == "ID"
    assert [first.split()[0], second.split()[0]] == ["a-much-longer-name", "zither"]
    assert {line.index("Test Author") for line in (first, second)} == {header.index("AUTHOR")}
    assert first.endswith("MetadataAgent  A plugin of the tests")


def test_a_bad_plugin_is_a_row_of_errors_and_the_list_still_succeeds(cli: CommandLine) -> None:
    write_good(cli)
    (write_good(cli, "broken") / "manifest.json").write_text("{")
    (write_good(cli, "unbuilt") / "plugin.wasm").unlink()
    ran = cli.run("plugin", "list")
    rows = {line.split()[0]: line for line in ran.out.splitlines()}
    assert ran.status == 0
    assert rows["broken"].split()[1:5] == ["ERROR"] * 4
    assert "failed to load manifest: invalid manifest" in rows["broken"]
    assert "no plugin.wasm found" in rows["unbuilt"]
    assert "ERROR" not in rows["probe"]


def test_the_json_list_has_the_promised_fields(cli: CommandLine) -> None:
    write_good(cli)
    (write_good(cli, "broken") / "manifest.json").write_text("{")
    broken, good = cli.run("plugin", "list", "--json").json()
    assert good == {
        "name": "probe",
        "folder": "probe",
        "version": "1.0.0",
        "author": "Test Author",
        "description": "A plugin of the tests",
        "capabilities": ["MetadataAgent"],
        "dev": False,
        "error": None,
    }
    assert broken.keys() == good.keys()
    assert (broken["name"], broken["capabilities"]) == ("broken", [])
    assert broken["error"].startswith("failed to load manifest")


def test_a_linked_plugin_is_marked_and_a_broken_link_is_an_error(cli: CommandLine, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere"
    os.rename(write_good(cli), real)
    (cli.plugins.folder / "linked").symlink_to(real)
    (cli.plugins.folder / "dangling").symlink_to(tmp_path / "nowhere")
    ran = cli.run("plugin", "list")
    assert "probe  probe (dev)" in " ".join(ran.out.split("\n")).replace("     ", "  ")
    assert "failed to stat symlink target" in ran.out
    entry = next(row for row in cli.run("plugin", "list", "--json").json() if row["dev"] and row["error"] is None)
    assert (entry["name"], entry["folder"]) == ("probe", "linked")


def test_an_empty_field_is_a_dash(cli: CommandLine) -> None:
    cli.plugins.write(plugin_wat(), manifest=manifest_of("probe", author="", version="", description=""))
    assert cli.run("plugin", "list").out.splitlines()[1].split() == ["probe", "probe", "-", "-", "MetadataAgent", "-"]


@pytest.mark.parametrize("command", ["list", "info"])
def test_an_unreadable_folder_is_a_failure(cli: CommandLine, command: str, tmp_path: Path) -> None:
    words = ["plugin", command, *(["probe"] if command == "info" else [])]
    ran = cli.run(*words, plugins=tmp_path / "missing")
    assert (ran.status, ran.out) == (1, "")
    assert f"failed to read plugins directory {tmp_path / 'missing'}" in ran.err


@pytest.mark.parametrize("command", ["list", "info"])
def test_nothing_works_while_plugins_are_disabled(cli: CommandLine, command: str) -> None:
    Path("navidrome.toml").write_text("[Plugins]\nEnabled = false\n")
    ran = cli.run_bare("plugin", command, *(["probe"] if command == "info" else []))
    assert (ran.status, ran.out) == (1, "")
    assert "plugins are disabled" in ran.err


def test_info_shows_the_manifest_the_permissions_and_the_files(cli: CommandLine) -> None:
    folder = write_good(cli)
    ran = cli.run("plugin", "info", "probe")
    assert ran.status == 0
    lines = [line.strip() for line in ran.out.splitlines()]
    for line in (
        "Name:          probe",
        "Website:       https://example.org",
        "Capabilities:  MetadataAgent",
        "Reason: to ask",
        "Allow Local Network: false",
        "Allowed Usernames: All Users",
        "Allow Admins: true",
        f"Folder:        {folder} (drwx------)",
    ):
        assert line in lines
    assert lines.index("https://a.example/*: GET, POST") < lines.index("https://b.example/*: GET")


def test_info_says_what_a_manifest_without_permissions_is_granted(cli: CommandLine) -> None:
    manifest = manifest_of("probe")
    del manifest["permissions"]
    cli.plugins.write(plugin_wat(), manifest=manifest)
    assert "none declared, these are granted: artwork, cache, config, http" in cli.run("plugin", "info", "probe").out
    cli.plugins.write(plugin_wat(), manifest=manifest_of("probe", permissions={}))
    assert "Required Permissions:\n  none\n" in cli.run("plugin", "info", "probe").out


def test_info_works_without_a_module_and_by_folder_name(cli: CommandLine) -> None:
    folder = write_good(cli)
    (folder / "plugin.wasm").unlink()
    os.rename(folder, folder.with_name("other"))
    ran = cli.run("plugin", "info", "other")
    assert ran.status == 0
    assert "Name:          probe" in ran.out
    assert "Error: no plugin.wasm found" in ran.out


def test_info_as_json_is_the_list_entry_and_more(cli: CommandLine) -> None:
    write_good(cli)
    value = cli.run("plugin", "info", "probe", "--json").json()
    assert value.items() >= cli.run("plugin", "list", "--json").json()[0].items()
    assert value["permissions"] == PERMISSIONS
    assert value["permissions_declared"] is True


def test_info_on_a_broken_manifest_fails_with_its_place(cli: CommandLine) -> None:
    (write_good(cli) / "manifest.json").write_text("[\n1,]")
    ran = cli.run("plugin", "info", "probe")
    assert (ran.status, ran.out) == (1, "")
    assert "manifest.json:2:3" in ran.err


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [("nobody", 2, "plugin not found: nobody"), ("..", 1, "is not a plugin name"), ("a/b", 1, "is not a plugin name")],
)
def test_info_on_a_name_that_is_no_plugins_is_refused(cli: CommandLine, name: str, status: int, said: str) -> None:
    write_good(cli)
    ran = cli.run("plugin", "info", name)
    assert (ran.status, ran.out) == (status, "")
    assert said in ran.err


def test_hostile_manifests_are_printed_inert(cli: CommandLine) -> None:
    evil = "\x1b[31m\u202eevil\x07"
    manifest = manifest_of("probe", author=evil, description=evil, version=evil, website="https://e.example/")
    cli.plugins.write(plugin_wat(), manifest=manifest)
    for words in (["list"], ["info", "probe"], ["list", "--json"]):
        assert all(line.isprintable() for line in cli.run("plugin", *words).out.splitlines())

"""The `plugin` commands that change something, and `config`: texts, JSON, exit statuses."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from pathlib import Path

import pytest

from engine.plugins.enabled import DISABLED_FILE
from tests.engine.guests import host_import, plugin_wat
from tests.engine.harness import manifest_of
from tests.workbench.cli.conftest import CommandLine
from workbench.session import Session


def pack(cli: CommandLine, name: str = "probe", **changes: str) -> Path:
    """A package in the current folder, made by `pack` from a folder elsewhere."""
    source = cli.root / f"source-{name}-{changes.get('version', '')}"
    os.replace(cli.plugins.write(plugin_wat(), folder=name, manifest=manifest_of(name, **changes)), source)
    ran = cli.run("plugin", "pack", str(source))
    assert (ran.status, ran.err) == (0, "")
    return Path(f"{name}.ndp").absolute()


def test_a_package_is_packed_shown_installed_updated_and_removed(cli: CommandLine) -> None:
    package = pack(cli)
    shown = cli.run("plugin", "info", str(package))
    assert shown.status == 0
    assert f"  Size:          {package.stat().st_size} bytes (" in shown.out
    value = cli.run("plugin", "info", str(package), "--json").json()
    assert (value["name"], value["permissions"], len(value["sha256"])) == ("probe", {}, 64)

    ran = cli.run("plugin", "install", str(package))
    assert (ran.status, ran.out, ran.err) == (0, "Plugin 'probe' v1.0.0 installed successfully\n", "")
    again = cli.run("plugin", "install", str(package), "--json")
    assert (again.status, again.out) == (1, "")
    assert "Plugin already installed" in again.err
    package = pack(cli, version="1.1.0")  # takes the installed folder away
    missing = cli.run("plugin", "update", str(package))
    assert missing.status == 1
    assert "Plugin not found" in missing.err
    assert cli.run("plugin", "install", str(package), "--json").json()["old_version"] is None
    ran = cli.run("plugin", "update", str(package))
    assert (ran.status, ran.out) == (0, "Plugin 'probe' updated to v1.1.0 successfully\n")
    assert cli.run("plugin", "update", str(package), "--json").json()["old_version"] == "1.1.0"

    ran = cli.run("plugin", "remove", "probe")
    assert (ran.status, ran.out) == (0, "Plugin 'probe' removed successfully\n")
    gone = cli.run("plugin", "remove", "probe")
    assert (gone.status, gone.out) == (1, "")
    assert f"plugin not found: probe (path: {cli.plugins.folder / 'probe'})" in gone.err


def test_a_folder_that_is_no_plugin_is_not_packed(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = cli.run("plugin", "pack", str(tmp_path / "empty"))
    assert (ran.status, ran.out) == (1, "")
    assert "manifest" in ran.err
    assert os.listdir() == []
    good = cli.plugins.write(plugin_wat())
    assert cli.run("plugin", "pack", str(good), "-o", "plugin.zip").status == 1
    assert cli.run("plugin", "pack", str(good), "-o", "x.ndp", "--json").json()["package"] == str(
        Path("x.ndp").absolute()
    )


def test_a_plugin_that_could_not_be_loaded_is_not_packed(cli: CommandLine) -> None:
    folder = cli.plugins.write(plugin_wat(imports=host_import("get"), drop=["malloc"]))
    ran = cli.run("plugin", "pack", str(folder))
    assert (ran.status, ran.out) == (1, "")
    assert "The module calls HttpService, and the manifest does not grant it" in ran.err
    assert "malloc is not exported" in ran.err
    (folder / "plugin.wasm").unlink()
    assert "no plugin.wasm found" in cli.run("plugin", "pack", str(folder)).err
    assert os.listdir() == []


def test_packing_runs_nothing_of_the_plugin(cli: CommandLine) -> None:
    folder = cli.plugins.write(plugin_wat(initialize="(unreachable)"))
    assert cli.run("plugin", "pack", str(folder)).status == 0


@pytest.mark.parametrize("name", ["..", "../plugins-backup", "", "a/b"])
@pytest.mark.parametrize("command", ["remove", "refresh", "enable", "disable", "info"])
def test_a_name_that_leads_elsewhere_is_refused(cli: CommandLine, command: str, name: str) -> None:
    (cli.plugins.folder.parent / "plugins-backup").mkdir()
    ran = cli.run("plugin", command, name)
    assert (ran.status, ran.out) == (1, "")
    assert "is not a plugin name" in ran.err
    assert (cli.plugins.folder.parent / "plugins-backup").is_dir()


@pytest.mark.parametrize(
    "words", [["install", "x.ndp"], ["update", "x.ndp"], ["remove", "x"], ["refresh", "x"], ["dev", "."]]
)
def test_nothing_is_managed_while_plugins_are_disabled(cli: CommandLine, words: list[str]) -> None:
    Path("navidrome.toml").write_text("[Plugins]\nEnabled = false\n")
    ran = cli.run_bare("plugin", *words)
    assert (ran.status, ran.out) == (1, "")
    assert "plugins are disabled" in ran.err


def test_without_settings_the_default_folder_is_changed_and_named(cli: CommandLine) -> None:
    ran = cli.run_bare("plugin", "install", str(pack(cli)))
    folder = Path(os.environ["HOME"]) / ".local/share/navidrome-workbench/plugins"
    assert ran.status == 0
    assert f"plugins folder: {folder}" in ran.err
    assert (folder / "probe" / "plugin.wasm").is_file()
    assert [row["name"] for row in cli.run_bare("plugin", "list", "--json").json()] == ["probe"]


def test_an_open_plugins_folder_is_warned_about(cli: CommandLine) -> None:
    package = pack(cli)
    cli.plugins.folder.chmod(0o755)
    assert "open to group or others" in cli.run("plugin", "install", str(package)).err


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("Y\n", 0), ("yes\n", 1), ("n\n", 1), ("", 1)])
def test_dev_asks_before_it_replaces(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str, status: int
) -> None:
    source = tmp_path / "source"
    os.replace(cli.plugins.write(plugin_wat()), source)
    (cli.plugins.folder / "probe").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    ran = cli.run("plugin", "dev", str(source))
    assert ran.status == status
    assert "Do you want to replace it? (y/N): " in ran.err
    assert ("operation canceled" in ran.err) is (status == 1)
    assert os.readlink(cli.plugins.folder / "probe") == str(tmp_path / "elsewhere" if status else source)


def test_dev_links_once_and_warns_of_a_missing_module(cli: CommandLine, tmp_path: Path) -> None:
    source = tmp_path / "source"
    os.replace(cli.plugins.write(plugin_wat()), source)
    (source / "plugin.wasm").unlink()
    link = cli.plugins.folder / "probe"
    ran = cli.run("plugin", "dev", str(source))
    assert (ran.status, ran.out.splitlines()[0]) == (0, f"Development symlink created: '{link}' -> '{source}'")
    assert "refresh" in ran.out.splitlines()[1]
    assert "no plugin.wasm yet" in ran.err
    assert cli.run("plugin", "dev", str(source), "--json").json()["created"] is False
    ran = cli.run("plugin", "remove", "probe")
    assert ran.out == "Development plugin symlink 'probe' removed successfully (target directory preserved)\n"
    assert source.is_dir()


def test_refresh_works_alone_and_says_why_a_plugin_does_not_load(cli: CommandLine) -> None:
    cli.plugins.write(plugin_wat())
    ran = cli.run("plugin", "refresh", "probe")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == "Refreshing plugin 'probe'...\nPlugin 'probe' refreshed successfully\n"
    cli.plugins.write(b"no module")
    ran = cli.run("plugin", "refresh", "probe", "--json")
    assert (ran.status, ran.json()["ok"], ran.json()["running_workbench"]) == (1, False, False)
    assert "Failed to compile refreshed plugin" in ran.err
    assert cli.run("plugin", "refresh", "nobody").status == 1


async def test_commands_reach_a_workbench_that_is_open_on_the_folder(cli: CommandLine) -> None:
    cli.plugins.write(plugin_wat())
    async with Session(cli.plugins.settings, (cli.plugins.folder,), watch=False) as session:
        await session.engine.ready("probe")
        ran = await asyncio.to_thread(cli.run, "plugin", "refresh", "probe", "--json")
        assert (ran.status, ran.json()["running_workbench"]) == (0, True)
        assert session.engine.plugin("probe").generation == 2


def test_a_plugin_is_switched_off_and_on(cli: CommandLine) -> None:
    cli.plugins.write(plugin_wat())
    assert cli.run("plugin", "disable", "probe").out == "Plugin 'probe' disabled\n"
    assert (Path(os.environ["HOME"]) / ".local/share/navidrome-workbench" / DISABLED_FILE).is_file()
    refused = cli.run("plugin", "refresh", "probe")
    assert refused.status == 1
    assert "the plugin is disabled" in refused.err
    assert cli.run("plugin", "enable", "probe", "--json").json()["enabled"] is True
    assert cli.run("plugin", "refresh", "probe").status == 0


def test_config_shows_values_and_origins_and_no_secret(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("navidrome.toml").write_text(
        '[Plugins]\ncachesize = "1KB"\n[Workbench]\nProxy = "http://me:hunter2@proxy.example"\n'
        '[PluginConfig.probe]\napi_key = "hunter2"\nurl = "https://a.example"\n'
    )
    monkeypatch.setenv("ND_WORKBENCH_LIMITS_CALLTIMEOUT", "5s")
    ran = cli.run("config", "--json")
    rows = {row["name"]: (row["value"], row["origin"]) for row in ran.json()}
    file = str(Path("navidrome.toml").absolute())
    assert rows["Plugins.Folder"] == (str(cli.plugins.folder), "command line")
    assert rows["Plugins.CacheSize"] == (1000, file)
    assert rows["Workbench.Limits.CallTimeout"] == (5.0, "ND_WORKBENCH_LIMITS_CALLTIMEOUT")
    assert rows["Workbench.Pool.MaxIdle"][1] == "default"
    assert rows["PluginConfig.probe.url"][0] == "https://a.example"
    text = cli.run("config")
    assert "hunter2" not in ran.out + text.out
    (line,) = (line for line in text.out.splitlines() if line.startswith("Workbench.Limits.CallTimeout"))
    assert line.split() == ["Workbench.Limits.CallTimeout", "5s", "ND_WORKBENCH_LIMITS_CALLTIMEOUT"]


def test_config_shows_what_the_fidelity_decides(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("Workbench.Fidelity", "Workbench.Pool.Mode", "Workbench.Limits.CallTimeout")

    def shown() -> list[object]:
        values = {item["name"]: item["value"] for item in cli.run("config", "--json").json()}
        return [values[name] for name in names]

    assert shown() == ["document", "fresh", 120]
    monkeypatch.setenv("ND_WORKBENCH_FIDELITY", "navidrome")
    assert shown() == ["navidrome", "reuse", "none"]

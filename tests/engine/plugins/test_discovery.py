"""Discovery: every candidate is listed, good or bad, and one bad plugin never hides the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import DiscoveryError, EngineError, ManifestError
from engine.plugins.discovery import DiscoveredPlugin, discover, discover_all, plugin_in
from tests.engine.plugins.manifests import manifest_bytes, write_plugin

MISSING = "no plugin.wasm found: no such file or directory"


def only(plugins: tuple[DiscoveredPlugin, ...]) -> DiscoveredPlugin:
    assert len(plugins) == 1
    return plugins[0]


def error_of(plugin: DiscoveredPlugin) -> EngineError:
    assert plugin.error is not None
    return plugin.error


def test_plugins_are_listed_by_folder_and_known_by_manifest_name(tmp_path: Path) -> None:
    write_plugin(tmp_path / "b-folder", name="beta")
    write_plugin(tmp_path / "a-folder", name="alpha")
    found = discover(tmp_path)
    assert [(plugin.folder, plugin.id) for plugin in found] == [("a-folder", "alpha"), ("b-folder", "beta")]
    assert all(plugin.error is None and plugin.has_module and not plugin.is_symlink for plugin in found)
    assert found[0].path == found[0].entry == tmp_path / "a-folder"
    assert found[0].module_path == tmp_path / "a-folder" / "plugin.wasm"


def test_hidden_entries_and_plain_files_are_skipped(tmp_path: Path) -> None:
    write_plugin(tmp_path / ".hidden")
    (tmp_path / "notes.txt").write_text("x")
    assert discover(tmp_path) == ()


def test_an_unreadable_folder_is_a_single_entry_without_an_id(tmp_path: Path) -> None:
    folder = tmp_path / "absent"
    plugin = only(discover(folder))
    assert plugin.id == ""
    assert error_of(plugin).summary == f"failed to read plugins directory {folder}: no such file or directory"
    file = tmp_path / "file"
    file.write_text("x")
    assert error_of(only(discover(file))).summary == f"failed to read plugins directory {file}: not a directory"


def test_a_folder_with_a_manifest_and_no_module_is_not_built_yet(tmp_path: Path) -> None:
    write_plugin(tmp_path / "demo", module=None)
    plugin = only(discover(tmp_path))
    assert plugin.error is None
    assert not plugin.has_module
    assert plugin.module_error.summary == MISSING
    assert plugin.module_error.plugin == "demo"


def test_a_module_that_is_no_regular_file_counts_as_none(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path / "demo", module=None)
    (folder / "plugin.wasm").mkdir()
    plugin = only(discover(tmp_path))
    assert not plugin.has_module
    assert plugin.module_error.summary == "no plugin.wasm found: not a regular file"


def test_a_module_without_a_manifest_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "plugin.wasm").write_bytes(b"\0asm")
    plugin = only(discover(tmp_path))
    assert plugin.id == "demo"
    assert error_of(plugin).summary == (
        "failed to load manifest: failed to read manifest file: no such file or directory"
    )


def test_an_invalid_manifest_is_an_error_with_its_line_beside_good_plugins(tmp_path: Path) -> None:
    write_plugin(tmp_path / "bad", capabilities=[])
    write_plugin(tmp_path / "good", name="good")
    bad, good = discover(tmp_path)
    error = error_of(bad)
    assert isinstance(error, ManifestError)
    assert error.summary == "failed to load manifest: invalid manifest: field capabilities length: must be >= 1"
    assert error.place is not None
    assert (error.place.file, error.place.line) == (tmp_path / "bad" / "manifest.json", 6)
    assert error.plugin == "bad"
    assert good.error is None


def test_a_direct_child_in_which_nothing_is_found_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    plugin = only(discover(tmp_path))
    assert plugin.folder == "empty"
    assert error_of(plugin).summary == MISSING


def test_a_path_that_is_a_plugin_itself_is_the_only_entry(tmp_path: Path) -> None:
    write_plugin(tmp_path / "demo" / "nested", name="nested")
    (tmp_path / "demo" / "manifest.json").write_bytes(manifest_bytes())
    plugin = only(discover(tmp_path / "demo"))
    assert (plugin.id, plugin.folder, plugin.path) == ("demo", "demo", tmp_path / "demo")


def test_a_roundabout_path_gives_the_same_entries(tmp_path: Path) -> None:
    write_plugin(tmp_path / "plugins" / "demo")
    direct = tmp_path / "plugins"
    for roundabout in (direct / ".." / "plugins", direct / "demo" / ".."):
        assert discover_all((direct, roundabout)) == discover(direct)


def test_plugins_are_found_up_to_four_levels_down(tmp_path: Path) -> None:
    write_plugin(tmp_path / "a" / "b" / "c" / "four", name="four")
    write_plugin(tmp_path / "a" / "b" / "c" / "d" / "five", name="five")
    plugin = only(discover(tmp_path))
    assert (plugin.id, plugin.folder) == ("four", "a/b/c/four")


def test_a_plugin_folder_is_not_entered(tmp_path: Path) -> None:
    write_plugin(write_plugin(tmp_path / "outer", name="outer") / "inner", name="inner")
    assert [plugin.id for plugin in discover(tmp_path)] == ["outer"]


def test_a_link_is_followed_and_keeps_its_own_name(tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    source = write_plugin(tmp_path / "source", name="demo")
    (plugins / "absolute").symlink_to(source)
    plugin = only(discover(plugins))
    assert (plugin.id, plugin.folder, plugin.is_symlink) == ("demo", "absolute", True)
    assert (plugin.entry, plugin.path) == (plugins / "absolute", source.resolve())


def test_a_relative_link_counts_from_the_folder_it_lies_in(tmp_path: Path) -> None:
    write_plugin(tmp_path / "source", name="demo")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "link").symlink_to("../source")
    assert only(discover(tmp_path / "plugins")).path == (tmp_path / "source").resolve()


def test_broken_links_and_links_to_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "broken").symlink_to("absent")
    (tmp_path / "to-file").symlink_to("file")
    (tmp_path / "turning").symlink_to("turning")
    broken, to_file, turning = discover(tmp_path)
    assert error_of(broken).summary == (
        f"failed to stat symlink target {tmp_path / 'absent'}: no such file or directory"
    )
    assert error_of(to_file).summary == f"symlink target is not a directory: {tmp_path / 'file'}"
    assert error_of(turning).summary.startswith(
        f"failed to stat symlink target {tmp_path / 'turning'}: too many levels"
    )
    assert all(isinstance(plugin.error, DiscoveryError) for plugin in (broken, to_file, turning))
    assert all(plugin.is_symlink and not plugin.has_module for plugin in (broken, to_file, turning))


def test_links_that_lead_back_up_end(tmp_path: Path) -> None:
    group = tmp_path / "group"
    write_plugin(group / "demo")
    (group / "up").symlink_to(tmp_path)
    (group / "self").symlink_to(group)
    assert [plugin.folder for plugin in discover(tmp_path)] == ["group/demo"]


def test_a_nested_link_to_a_plugin_that_is_listed_already_is_passed_over(tmp_path: Path) -> None:
    write_plugin(tmp_path / "z-demo")
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "again").symlink_to(tmp_path / "z-demo")
    group, demo = discover(tmp_path)
    assert error_of(group).summary == MISSING
    assert demo.id == "demo"


def test_the_first_folder_keeps_a_name_that_two_plugins_have(tmp_path: Path) -> None:
    write_plugin(tmp_path / "one")
    write_plugin(tmp_path / "two")
    first, second = discover(tmp_path)
    assert (first.id, first.error) == ("demo", None)
    assert second.id == "two"
    assert error_of(second).summary == 'duplicate plugin name "demo" (already provided by folder "one")'


def test_a_bad_entry_never_takes_the_id_of_a_good_plugin(tmp_path: Path) -> None:
    write_plugin(tmp_path / "clash", capabilities=[])
    write_plugin(tmp_path / "good", name="clash")
    bad, good = discover(tmp_path)
    assert (bad.id, good.id) == ("./clash", "clash")
    assert good.error is None


def test_names_are_unique_over_several_folders_and_a_folder_given_twice_counts_once(tmp_path: Path) -> None:
    write_plugin(tmp_path / "left" / "one")
    write_plugin(tmp_path / "right" / "two")
    found = discover_all((tmp_path / "left", tmp_path / "right", tmp_path / "left", tmp_path / "left" / "one"))
    assert [plugin.folder for plugin in found] == ["one", "two"]
    assert error_of(found[1]).summary == 'duplicate plugin name "demo" (already provided by folder "one")'


def test_a_single_folder_is_taken_for_a_plugin_whatever_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bare = plugin_in(Path("."))
    assert (bare.id, bare.folder, bare.path, bare.has_module) == (tmp_path.name, tmp_path.name, Path("."), False)
    assert error_of(bare).summary.startswith("failed to read manifest file: ")
    write_plugin(tmp_path / "demo", name="other")
    demo = plugin_in(Path("demo"))
    assert (demo.id, demo.folder, demo.error, demo.has_module) == ("other", "demo", None, True)
    assert demo.module_path == Path("demo/plugin.wasm")

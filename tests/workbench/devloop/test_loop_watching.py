"""The loop over real files with the real engine: what is saved is served, and nothing else is touched."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.events import PluginState, ReloadFailed, ReloadFinished, ReloadStarted
from tests.engine.harness import manifest_of
from tests.workbench.devloop.bench import TIMING, Bench, biography, module, replace_file, touch
from workbench.devloop.events import FolderChanged, SourceWatchDegraded
from workbench.devloop.watcher import StopSignal


def _atomically(path: Path, data: bytes) -> None:
    replace_file(path, data)


def _in_place(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _piece_by_piece(path: Path, data: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(data), 64):
            file.write(data[start : start + 64])


def _from_nothing(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


@pytest.mark.parametrize("save", [_atomically, _in_place, _piece_by_piece, _from_nothing])
async def test_a_saved_module_is_served_after_one_reload(bench: Bench, save: Callable[[Path, bytes], None]) -> None:
    folder = bench.write("probe", {"plugin.wasm": module("old")})
    async with bench.session() as session:
        await session.engine.ready("probe")
        save(folder / "plugin.wasm", module("new"))
        await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "new"
    assert len(bench.log.of(ReloadStarted)) == 1


async def test_only_the_changed_plugin_is_reloaded(bench: Bench) -> None:
    bench.write("one", {"plugin.wasm": module("one")})
    folder = bench.write("two", {"plugin.wasm": module("two")})
    async with bench.session() as session:
        for name in ("one", "two"):
            await session.engine.ready(name)
        replace_file(folder / "plugin.wasm", module("2"))
        await bench.log.next(ReloadFinished, "two")
    assert bench.log.of(ReloadStarted, "one") == []
    (change,) = bench.log.of(FolderChanged)
    assert (change.plugin, change.paths) == ("two", (folder / "plugin.wasm",))


async def test_a_half_written_module_leaves_the_last_good_version_serving(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wasm": module("old")})
    new = module("new")
    async with bench.session() as session:
        await session.engine.ready("probe")
        with (folder / "plugin.wasm").open("wb", buffering=0) as file:
            file.write(new[:100])
            await bench.log.next(ReloadFailed, "probe")
            assert session.engine.plugin("probe").state is PluginState.STALE
            assert await biography(session.engine, "probe") == "old"
            file.write(new[100:])
            await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "new"


async def test_a_broken_manifest_is_reported_with_its_line_and_mended_by_the_next_save(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wasm": module("good")})
    async with bench.session() as session:
        await session.engine.ready("probe")
        replace_file(folder / "manifest.json", '{\n  "name": "probe",,\n}')
        stale = await bench.log.state("probe", PluginState.STALE)
        assert stale.place is not None
        assert (stale.place.file, stale.place.line) == (folder / "manifest.json", 2)
        assert await biography(session.engine, "probe") == "good"
        replace_file(folder / "manifest.json", json.dumps(manifest_of("probe", version="2.0.0")))
        assert (await bench.log.next(ReloadFinished, "probe")).version == "2.0.0"


async def test_a_deleted_module_leaves_the_last_good_version_and_a_new_one_is_taken_up(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wasm": module("old")})
    async with bench.session() as session:
        await session.engine.ready("probe")
        (folder / "plugin.wasm").unlink()
        await bench.log.state("probe", PluginState.STALE)
        assert await biography(session.engine, "probe") == "old"
        (folder / "plugin.wasm").write_bytes(module("old"))
        await bench.log.state("probe", PluginState.READY, after=bench.log.mark - 1)
        assert await biography(session.engine, "probe") == "old"


async def test_files_saved_with_equal_bytes_are_not_reloaded(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wasm": module("same")})
    async with bench.session() as session:
        await session.engine.ready("probe")
        replace_file(folder / "plugin.wasm", module("same"))
        touch(folder / "manifest.json", 5)
        # The looks that find the new plugin at rest have found these files at rest before.
        bench.write("later", {"plugin.wasm": module("later")})
        await bench.log.state("later", PluginState.READY)
    assert bench.log.of(FolderChanged, "probe") == []
    assert bench.log.of(ReloadStarted) == []


async def test_new_and_vanished_folders_are_noticed(bench: Bench) -> None:
    bench.write("first", {"plugin.wasm": module("first")})
    async with bench.session() as session:
        folder = bench.write("second", {"plugin.wasm": module("second")})
        await bench.log.state("second", PluginState.READY)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        await bench.log.state("second", PluginState.REMOVED)
        assert [info.id for info in session.engine.plugins()] == ["first"]


async def test_a_renamed_folder_is_the_same_plugin_in_another_place(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wasm": module("old")})
    async with bench.session() as session:
        await session.engine.ready("probe")
        mark = bench.log.mark
        renamed = folder.rename(bench.folder / "renamed")
        await bench.log.state("probe", PluginState.REMOVED, after=mark)
        await bench.log.state("probe", PluginState.READY, after=mark)
        assert session.engine.plugin("probe").folder == "renamed"
        replace_file(renamed / "plugin.wasm", module("new"))
        await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "new"


async def test_a_plugin_linked_while_running_is_loaded_and_its_target_is_watched(bench: Bench) -> None:
    target = bench.write("probe", {"plugin.wasm": module("old")}, where=bench.root / "elsewhere")
    async with bench.session() as session:
        (bench.folder / "dev").symlink_to(target)
        await bench.log.state("probe", PluginState.READY)
        assert session.engine.plugin("probe").is_dev
        replace_file(target / "plugin.wasm", module("new"))
        await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "new"


async def test_a_link_pointed_elsewhere_serves_the_other_folder_and_watches_it(bench: Bench) -> None:
    one = bench.write("probe", {"plugin.wasm": module("one")}, where=bench.root / "one")
    two = bench.write("probe", {"plugin.wasm": module("two")}, where=bench.root / "two")
    link = bench.folder / "dev"
    link.symlink_to(one)
    async with bench.session() as session:
        await session.engine.ready("probe")
        (bench.folder / ".new-link").symlink_to(two)
        os.replace(bench.folder / ".new-link", link)
        await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "two"
        replace_file(two / "plugin.wasm", module("three"))
        await bench.log.next(ReloadFinished, "probe", after=1)
        assert await biography(session.engine, "probe") == "three"


async def test_a_plugin_that_changes_its_name_is_removed_and_added_and_still_watched(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wasm": module("old")})
    async with bench.session() as session:
        await session.engine.ready("probe")
        replace_file(folder / "manifest.json", json.dumps(manifest_of("other")))
        await bench.log.state("probe", PluginState.REMOVED)
        await bench.log.state("other", PluginState.READY)
        replace_file(folder / "plugin.wasm", module("new"))
        await bench.log.next(ReloadFinished, "other")
        assert await biography(session.engine, "other") == "new"


async def test_a_plugins_folder_that_appears_later_is_watched_from_then_on(bench: Bench) -> None:
    bench.folder.rmdir()
    async with bench.session() as session:
        folder = bench.write("probe", {"plugin.wasm": module("old")})
        await bench.log.state("probe", PluginState.READY)
        replace_file(folder / "plugin.wasm", module("new"))
        await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "new"


async def test_a_folder_replaced_by_another_of_the_same_name_is_watched_on(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wasm": module("old")})
    other = bench.write("probe", {"plugin.wasm": module("other")}, where=bench.root / "elsewhere")
    async with bench.session() as session:
        await session.engine.ready("probe")
        folder.rename(bench.root / "away")
        other.rename(folder)
        await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "other"
        replace_file(folder / "plugin.wasm", module("new"))
        await bench.log.next(ReloadFinished, "probe", after=1)
        assert await biography(session.engine, "probe") == "new"


async def test_where_the_system_reports_nothing_it_says_so_and_looks_by_itself(bench: Bench) -> None:
    def no_inotify_left(*_: object) -> list[object]:
        raise OSError("Too many open files (os error 24)")

    folder = bench.write("probe", {"plugin.wasm": module("old")})
    async with bench.session(notifier=no_inotify_left) as session:
        degraded = await bench.log.next(SourceWatchDegraded)
        assert degraded.reason == "the system cannot watch the folders: Too many open files (os error 24)"
        await session.engine.ready("probe")
        replace_file(folder / "plugin.wasm", module("new"))
        await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "new"
    assert len(bench.log.of(SourceWatchDegraded)) == 1


async def test_lost_reports_are_made_up_for_by_a_look_now_and_then(bench: Bench) -> None:
    def reports_nothing(folders: object, concerns: object, stop: StopSignal) -> list[object]:
        stop.is_set()  # as if watching had begun
        return []

    folder = bench.write("probe", {"plugin.wasm": module("old")})
    async with bench.session(notifier=reports_nothing) as session:
        await session.engine.ready("probe")
        replace_file(folder / "plugin.wasm", module("new"))
        await bench.log.next(ReloadFinished, "probe")
    assert bench.log.of(SourceWatchDegraded) == []
    assert TIMING.recheck_s > TIMING.poll_s

"""The watcher's hints on a real file system, and how it fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import pytest

from workbench.devloop.watcher import FolderWatcher, StopSignal, WatchPlan


class Hints:
    """A watcher, its hints and its complaints."""

    def __init__(self) -> None:
        self.hint = asyncio.Event()
        self.reasons: list[str] = []

    async def next(self) -> None:
        async with asyncio.timeout(30):
            await self.hint.wait()
        self.hint.clear()


@pytest.fixture
async def hints() -> Hints:
    return Hints()


@pytest.fixture
async def watcher(hints: Hints) -> AsyncIterator[FolderWatcher]:
    watcher = FolderWatcher(hints.hint.set, hints.reasons.append)
    yield watcher
    await watcher.close()


async def test_a_saved_file_gives_a_hint_as_soon_as_watch_returns(
    tmp_path: Path, watcher: FolderWatcher, hints: Hints
) -> None:
    assert await watcher.watch(WatchPlan(folders=frozenset({tmp_path})))
    (tmp_path / "plugin.wasm").write_bytes(b"x")
    await hints.next()
    assert not watcher.needs_polling
    assert hints.reasons == []


async def test_the_same_plan_is_not_watched_anew_unless_a_folder_was_replaced(
    tmp_path: Path, watcher: FolderWatcher, hints: Hints
) -> None:
    folder = tmp_path / "plugin"
    folder.mkdir()
    plan = WatchPlan(folders=frozenset({folder}))
    assert await watcher.watch(plan)
    assert not await watcher.watch(plan)
    folder.rename(tmp_path / "moved")
    folder.mkdir()
    assert await watcher.watch(plan)
    hints.hint.clear()
    (folder / "manifest.json").write_text("{}")
    await hints.next()


async def test_a_new_plan_takes_the_place_of_the_old_one(tmp_path: Path, watcher: FolderWatcher, hints: Hints) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    await watcher.watch(WatchPlan(folders=frozenset({tmp_path / "one"})))
    await watcher.watch(WatchPlan(folders=frozenset({tmp_path / "two"})))
    (tmp_path / "two" / "file").write_text("")
    await hints.next()
    assert sum(thread.name == "folder watch" for thread in threading.enumerate()) <= 2


async def test_folders_that_are_missing_do_not_keep_the_others_from_being_watched(
    tmp_path: Path, watcher: FolderWatcher, hints: Hints
) -> None:
    await watcher.watch(WatchPlan(folders=frozenset({tmp_path, tmp_path / "missing"})))
    (tmp_path / "file").write_text("")
    await hints.next()
    assert hints.reasons == []


@pytest.mark.parametrize(
    ("path", "matters"),
    [
        ("plugins", True),
        ("plugins/file", True),
        ("plugins/.hidden", False),
        ("plugins/sub/file", False),
        ("roots", False),
        ("other", False),
    ],
)
def test_only_changes_in_the_planned_folders_matter(path: str, matters: bool) -> None:
    top = Path("/top")
    plan = WatchPlan(folders=frozenset({top / "plugins"}), parents=frozenset({top}), names=frozenset({"plugins"}))
    assert plan.concerns(top / path) is matters


async def test_a_system_that_cannot_watch_is_reported_once_and_again_after_it_could(
    tmp_path: Path, hints: Hints
) -> None:
    answers = iter([OSError("no watches left"), OSError("no watches left"), None, OSError("no watches left")])

    def notifier(folders: Iterable[Path], concerns: Callable[[Path], bool], stop: StopSignal) -> Iterable[object]:
        answer = next(answers)
        if answer is not None:
            raise answer
        stop.is_set()
        return []

    watcher = FolderWatcher(hints.hint.set, hints.reasons.append, notifier=notifier)
    needs_polling = []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        await watcher.watch(WatchPlan(folders=frozenset({tmp_path / str(number)})))
        needs_polling.append(watcher.needs_polling)
    await watcher.close()
    assert needs_polling == [True, True, False, True]
    assert hints.reasons == ["the system cannot watch the folders: no watches left"] * 2


async def test_a_watch_that_breaks_later_is_reported_with_a_hint(tmp_path: Path, hints: Hints) -> None:
    breaks = threading.Event()

    def notifier(folders: Iterable[Path], concerns: Callable[[Path], bool], stop: StopSignal) -> Iterable[object]:
        stop.is_set()
        breaks.wait(5)
        raise RuntimeError("the watch broke")

    watcher = FolderWatcher(hints.hint.set, hints.reasons.append, notifier=notifier)
    await watcher.watch(WatchPlan(folders=frozenset({tmp_path})))
    assert hints.reasons == []
    breaks.set()
    await hints.next()
    assert watcher.needs_polling
    await watcher.close()
    assert hints.reasons == ["the system cannot watch the folders: the watch broke"]


async def test_after_closing_there_are_no_hints_and_no_thread(tmp_path: Path, hints: Hints) -> None:
    watcher = FolderWatcher(hints.hint.set, hints.reasons.append)
    await watcher.watch(WatchPlan(folders=frozenset({tmp_path})))
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "folder watch"]
    await watcher.close()
    assert not thread.is_alive()
    (tmp_path / "file").write_text("")
    assert not hints.hint.is_set()

"""The loop's builds with the real engine: when a build runs, what it does to the plugin, and what is never run."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import UnknownPlugin
from engine.events import PluginState, PluginStateChanged, PluginWarned, ReloadFinished, ReloadStarted
from tests.workbench.devloop.bench import Bench, biography, build_config, module, replace_file, text_module, touch
from workbench.devloop.build_config import CONFIG_NAME
from workbench.devloop.builds import MAX_SUPERSEDED
from workbench.devloop.errors import BuildConfigError, BuildError
from workbench.devloop.events import (
    BuildCancelled,
    BuildFinished,
    BuildNotTrusted,
    BuildOutput,
    BuildStarted,
    BuildStateChanged,
)
from workbench.devloop.status import BuildPhase
from workbench.session import Session

COPY = ["cp", "source.bin", "{output}"]
HANG = "read line < never"  # a pipe nobody writes to: waits without taking time from others


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


class Lifeline:
    """A pipe that a build's processes hold open as long as any of them lives: `exec 3> FOLDER/alive`."""

    def __init__(self, folder: Path) -> None:
        os.mkfifo(folder / "alive")
        os.mkfifo(folder / "never")
        self._reader = os.open(folder / "alive", os.O_RDONLY | os.O_NONBLOCK)

    def is_held(self) -> bool:
        """Whether a process is alive that has opened it."""
        try:
            os.read(self._reader, 1)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        os.close(self._reader)


@pytest.fixture
def lifeline(bench: Bench) -> Iterator[Lifeline]:
    """The lifeline of the plugin `probe`."""
    folder = bench.folder / "probe"
    folder.mkdir()
    line = Lifeline(folder)
    yield line
    line.close()


def state_of(session: Session, plugin: str) -> str:
    return next(status.state for status in session.statuses() if status.info.id == plugin)


async def test_a_text_plugin_without_a_module_is_built_and_served_at_start(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wat": text_module("from text")})
    async with bench.session() as session:
        await bench.log.state("probe", PluginState.READY)
        assert await biography(session.engine, "probe") == "from text"
    (started,) = bench.log.of(BuildStarted)
    (finished,) = bench.log.of(BuildFinished)
    assert started.command == ("wat2wasm", "plugin.wat")
    assert (finished.ok, finished.is_changed, finished.exit_code, finished.error) == (True, True, None, None)
    assert sorted(os.listdir(folder)) == ["manifest.json", "plugin.wasm", "plugin.wat"]


async def test_a_module_as_new_as_its_sources_is_left_alone_and_an_older_one_is_built(bench: Bench) -> None:
    fresh = bench.write("fresh", {"plugin.wat": text_module("new"), "plugin.wasm": module("kept")})
    touch(fresh / "plugin.wasm", 5)
    old = bench.write("old", {"plugin.wat": text_module("new"), "plugin.wasm": module("old")})
    touch(old / "plugin.wasm", -5)
    async with bench.session() as session:

        def serves_what_was_built() -> bool:
            # By a reload, or in place of the first load if that was still compiling.
            states = bench.log.of(PluginStateChanged, "old")
            return any(event.state is PluginState.READY and event.generation == 2 for event in states)

        await bench.log.until(serves_what_was_built, "the second load of old")
        assert await biography(session.engine, "old") == "new"
        assert await biography(session.engine, "fresh") == "kept"
    assert [started.plugin for started in bench.log.of(BuildStarted)] == ["old"]


async def test_a_saved_source_is_built_and_the_new_answer_is_served(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wat": text_module("old")})
    async with bench.session() as session:
        await bench.log.state("probe", PluginState.READY)
        replace_file(folder / "plugin.wat", text_module("new"))
        await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "new"


async def test_a_failed_build_leaves_the_last_good_version_serving_and_says_where(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wat": text_module("good")})
    async with bench.session() as session:
        await bench.log.state("probe", PluginState.READY)
        replace_file(folder / "plugin.wat", "(module\n  (fun))")
        failed = await bench.log.next(BuildFinished, "probe", after=1)
        (status,) = session.statuses()
        assert (status.state, status.reason) == ("build failed", "plugin.wat: expected valid module field")
        assert await biography(session.engine, "probe") == "good"
        replace_file(folder / "plugin.wat", text_module("mended"))
        await bench.log.next(ReloadFinished, "probe")
        assert state_of(session, "probe") == "ready"
    assert failed.place is not None
    assert (failed.place.file, failed.place.line, failed.place.column) == (folder / "plugin.wat", 2, 4)
    assert not failed.ok


async def test_a_failed_build_says_which_load_still_serves_and_a_mended_one_that_it_is_ready_again(
    bench: Bench,
) -> None:
    folder = bench.write("probe", {"plugin.wat": text_module("good")})
    async with bench.session():
        await bench.log.state("probe", PluginState.READY)
        replace_file(folder / "plugin.wat", "(module\n  (fun))")
        failed = await bench.log.next(BuildStateChanged, "probe")
        assert (failed.state, failed.generation, failed.version) == ("build failed", 1, "1.0.0")
        assert failed.reason == "plugin.wat: expected valid module field"
        assert failed.place is not None
        assert failed.place.line == 2
        # The bytes that serve: nothing is loaded, so nobody else says that all is well.
        replace_file(folder / "plugin.wat", text_module("good"))
        mended = await bench.log.next(BuildStateChanged, "probe", after=1)
        assert (mended.state, mended.generation, mended.reason) == ("ready", 1, None)
        replace_file(folder / "plugin.wat", "(module")
        await bench.log.next(BuildStateChanged, "probe", after=2)
        replace_file(folder / "plugin.wat", text_module("better"))
        await bench.log.next(ReloadFinished, "probe")
    assert len(bench.log.of(BuildStateChanged)) == 3


async def test_a_first_build_that_fails_says_that_no_version_serves(bench: Bench) -> None:
    bench.write("probe", {"plugin.wat": "(module"})
    async with bench.session():
        failed = await bench.log.next(BuildStateChanged, "probe")
    assert (failed.state, failed.generation, failed.version) == ("build failed", 0, "")
    kinds = [type(event) for event in bench.log.events if isinstance(event, BuildFinished | BuildStateChanged)]
    assert kinds == [BuildFinished, BuildStateChanged]


async def test_a_build_that_changes_nothing_on_disk_is_brought_up_if_the_engine_serves_other_bytes(
    bench: Bench,
) -> None:
    folder = bench.write("probe", {"plugin.wat": text_module("old"), "plugin.wasm": module("old")})
    async with bench.session(watch=False) as session:
        await session.engine.ready("probe")
        # As an earlier build leaves it that is stopped before anybody has taken up its module.
        replace_file(folder / "plugin.wat", text_module("new"))
        replace_file(folder / "plugin.wasm", module("new"))
        await session.devloop.build("probe")
        assert [finished.is_changed for finished in bench.log.of(BuildFinished)] == [False]
        assert await biography(session.engine, "probe") == "new"


async def test_a_source_that_builds_to_equal_bytes_is_not_reloaded(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wat": text_module("same")})
    async with bench.session():
        await bench.log.state("probe", PluginState.READY)
        replace_file(folder / "plugin.wat", text_module("same") + "\n;; a remark\n")
        finished = await bench.log.next(BuildFinished, "probe", after=1)
        assert (finished.ok, finished.is_changed) == (True, False)
        bench.write("later", {"plugin.wasm": module("later")})
        await bench.log.state("later", PluginState.READY)
    assert bench.log.of(ReloadStarted, "probe") == []


async def test_a_command_of_the_folder_is_not_run_before_the_user_agrees(bench: Bench) -> None:
    folder = bench.write(
        "probe", {"source.bin": module("built"), CONFIG_NAME: build_config(shell("touch ran; cp source.bin {output}"))}
    )
    async with bench.session() as session:
        asked = await bench.log.next(BuildNotTrusted, "probe")
        assert (asked.command, asked.env, asked.folder) == (
            ("sh", "-c", "touch ran; cp source.bin {output}"),
            {},
            folder,
        )
        (status,) = session.statuses()
        assert (status.state, status.build_command) == ("not trusted", asked.command)
        replace_file(folder / "source.bin", module("changed"))
        await bench.log.next(BuildNotTrusted, "probe", after=1)
        assert (await session.devloop.build("probe")).phase is BuildPhase.NOT_TRUSTED
    assert bench.log.of(BuildStarted) == []
    assert not (folder / "ran").exists()


async def test_consent_builds_at_once_and_holds_in_later_sessions_for_that_command_only(bench: Bench) -> None:
    config = build_config(COPY, env={"ONE": "1"})
    folder = bench.write("probe", {"source.bin": module("built"), CONFIG_NAME: config})
    async with bench.session() as session:
        await bench.log.next(BuildNotTrusted, "probe")
        assert (await session.devloop.trust("probe", command=COPY, env={"ONE": "1"})).phase is BuildPhase.IDLE
        assert await biography(session.engine, "probe") == "built"
    replace_file(folder / "source.bin", module("again"))
    async with bench.session() as session:
        await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "again"
        replace_file(folder / CONFIG_NAME, build_config(COPY, env={"ONE": "2"}))
        asked = await bench.log.next(BuildNotTrusted, "probe", after=1)
        assert asked.env == {"ONE": "2"}
        assert state_of(session, "probe") == "not trusted"


async def test_consent_to_another_command_than_the_one_in_the_folder_is_refused(bench: Bench) -> None:
    folder = bench.write("probe", {"source.bin": module("built"), CONFIG_NAME: build_config(COPY)})
    async with bench.session() as session:
        await bench.log.next(BuildNotTrusted, "probe")
        replace_file(folder / CONFIG_NAME, build_config(shell("touch ran")))
        with pytest.raises(BuildError, match="the build command of probe has changed meanwhile"):
            await session.devloop.trust("probe", command=COPY)
    assert not (bench.root / "data" / "workbench" / "trust.json").exists()
    assert not (folder / "ran").exists()


async def test_trusted_roots_and_trust_all_need_no_consent(bench: Bench) -> None:
    bench.write("probe", {"source.bin": module("built"), CONFIG_NAME: build_config(COPY)})
    elsewhere = bench.write(
        "linked", {"source.bin": module("linked"), CONFIG_NAME: build_config(COPY)}, where=bench.root / "elsewhere"
    )
    (bench.folder / "linked").symlink_to(elsewhere)
    async with bench.session(trusted_roots=(bench.folder,)):
        await bench.log.state("probe", PluginState.READY)
        # Not below the trusted root, whatever its link says.
        assert (await bench.log.next(BuildNotTrusted)).plugin == "linked"
    async with bench.session(trust_all=True) as session:
        mark = bench.log.mark
        await bench.log.state("linked", PluginState.READY, after=mark - 1)
        assert await biography(session.engine, "linked") == "linked"


async def test_a_change_during_a_build_stops_it_with_all_its_processes_and_builds_anew(
    bench: Bench, lifeline: Lifeline
) -> None:
    hang = f"if grep -q slow source.txt; then sh -c {shlex.quote(HANG)}; fi"
    script = f"exec 3> alive; echo begun; {hang}; cp source.bin {{output}}"
    folder = bench.write(
        "probe",
        {
            "source.txt": "slow",
            "source.bin": module("built"),
            CONFIG_NAME: build_config(shell(script), sources=["source.txt"]),
        },
    )
    async with bench.session(trust_all=True) as session:
        await bench.log.next(BuildOutput)
        assert lifeline.is_held()
        assert state_of(session, "probe") == "building"
        replace_file(folder / "source.txt", "quick")
        await bench.log.state("probe", PluginState.READY)
        assert await biography(session.engine, "probe") == "built"
        assert not lifeline.is_held()
    assert [event.reason for event in bench.log.of(BuildCancelled)] == ["something newer is to be built"]
    assert [event.ok for event in bench.log.of(BuildFinished)] == [True]
    assert sorted(path.name for path in folder.glob(".*")) == []


async def test_closing_the_session_ends_a_running_build(bench: Bench, lifeline: Lifeline) -> None:
    script = f"trap '' TERM; exec 3> alive; echo begun; {HANG}"
    bench.write("probe", {CONFIG_NAME: build_config(shell(script))})
    async with bench.session(trust_all=True):
        await bench.log.next(BuildOutput)
        assert lifeline.is_held()
    assert not lifeline.is_held()
    assert [event.reason for event in bench.log.of(BuildCancelled)] == ["the workbench is closing"]


async def test_many_sources_changed_at_once_make_one_build_and_one_reload(bench: Bench) -> None:
    sources = {f"src/part{number}.txt": "old" for number in range(300)}
    folder = bench.write(
        "probe", {**sources, "source.bin": module("old"), CONFIG_NAME: build_config(COPY, sources=["src/**", "*.bin"])}
    )
    async with bench.session(trust_all=True) as session:
        await bench.log.state("probe", PluginState.READY)
        replace_file(folder / "source.bin", module("new"))
        for name in sources:
            replace_file(folder / name, "new")
        await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "new"
    assert len(bench.log.of(BuildStarted)) == 2
    assert len(bench.log.of(ReloadStarted)) == 1


async def test_sources_saved_without_a_change_are_not_built_again(bench: Bench) -> None:
    folder = bench.write("probe", {"source.bin": module("one"), CONFIG_NAME: build_config(COPY)})
    async with bench.session(trust_all=True):
        await bench.log.state("probe", PluginState.READY)
        replace_file(folder / "source.bin", module("two"))
        await bench.log.next(ReloadFinished, "probe")
        replace_file(folder / "source.bin", module("two"))
        touch(folder / CONFIG_NAME, 5)
        bench.write("later", {"plugin.wasm": module("later")})
        await bench.log.state("later", PluginState.READY)
    assert len(bench.log.of(BuildStarted)) == 2


async def test_a_command_that_keeps_changing_its_own_sources_is_found_out(bench: Bench) -> None:
    # The build waits for its own stop; only the one that is left to run gets an answer from the test.
    script = "echo $$ > generated.txt; echo begun; read line < go; cp source.bin {output}"
    folder = bench.write(
        "probe", {"source.bin": module("built"), CONFIG_NAME: build_config(shell(script), sources=["*.txt"])}
    )
    os.mkfifo(folder / "go")
    async with bench.session(trust_all=True) as session:
        await bench.log.next(BuildOutput, after=MAX_SUPERSEDED)
        assert len(bench.log.of(BuildCancelled)) == MAX_SUPERSEDED
        bench.write("later", {"plugin.wasm": module("later")})
        await bench.log.state("later", PluginState.READY)
        (folder / "go").write_text("on\n")
        warning = await bench.log.next(PluginWarned, "probe")
        assert "taken as written by the build command" in warning.summary
        await bench.log.state("probe", PluginState.READY)
        assert await biography(session.engine, "probe") == "built"
    assert len(bench.log.of(BuildStarted)) == MAX_SUPERSEDED + 1


async def test_a_module_that_its_command_writes_in_place_is_not_looked_at_before_the_command_ends(bench: Bench) -> None:
    script = "head -c 50 source.bin > plugin.wasm; echo half; read line < go; cp source.bin plugin.wasm"
    folder = bench.write(
        "probe", {"plugin.wasm": module("old"), "source.bin": module("old"), CONFIG_NAME: build_config(shell(script))}
    )
    touch(folder / "plugin.wasm", 5)
    os.mkfifo(folder / "go")
    async with bench.session(trust_all=True) as session:
        await session.engine.ready("probe")
        replace_file(folder / "source.bin", module("new"))
        await bench.log.next(BuildOutput)
        bench.write("later", {"plugin.wasm": module("later")})
        await bench.log.state("later", PluginState.READY)
        assert bench.log.of(ReloadStarted) == []
        (folder / "go").write_text("on\n")
        await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "new"
    assert len(bench.log.of(ReloadStarted)) == 1


async def test_a_broken_workbench_toml_is_reported_with_its_line(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wasm": module("kept"), CONFIG_NAME: "[build]\ncommand = 3\n"})
    async with bench.session() as session:
        warning = await bench.log.next(PluginWarned, "probe")
        assert warning.summary == 'workbench.toml: "command" must be an array of strings with at least one in it'
        assert warning.place is not None
        assert (warning.place.file, warning.place.line) == (folder / CONFIG_NAME, 2)
        assert await biography(session.engine, "probe") == "kept"
        assert state_of(session, "probe") == "build failed"
        failed = await bench.log.next(BuildStateChanged, "probe")
        assert (failed.state, failed.reason, failed.place) == ("build failed", warning.summary, warning.place)
        with pytest.raises(BuildConfigError):
            await session.devloop.build("probe")
        (folder / CONFIG_NAME).unlink()
        with pytest.raises(BuildError, match="probe has nothing to build from"):
            await session.devloop.build("probe")
        assert state_of(session, "probe") == "ready"
        assert (await bench.log.next(BuildStateChanged, "probe", after=1)).state == "ready"


async def test_building_by_hand_works_without_watching_and_waits_for_the_reload(bench: Bench) -> None:
    folder = bench.write("probe", {"plugin.wat": text_module("one")})
    async with bench.session(watch=False) as session:
        await session.engine.ready("probe")
        assert state_of(session, "probe") == "not built"
        assert (await session.devloop.build("probe")).phase is BuildPhase.IDLE
        assert await biography(session.engine, "probe") == "one"
        replace_file(folder / "plugin.wat", text_module("two"))
        await session.devloop.build("probe")
        assert await biography(session.engine, "probe") == "two"
        with pytest.raises(UnknownPlugin, match="plugin not found: prob"):
            await session.devloop.build("prob")
    assert len(bench.log.of(BuildStarted)) == 2


async def test_a_new_folder_with_a_source_is_built_when_it_appears(bench: Bench) -> None:
    async with bench.session() as session:
        bench.write("probe", {"plugin.wat": text_module("new here")})
        await bench.log.state("probe", PluginState.READY)
        assert await biography(session.engine, "probe") == "new here"


async def test_a_shared_source_beside_the_plugin_builds_it(bench: Bench) -> None:
    (bench.folder / "shared").mkdir()
    (bench.folder / "shared" / "source.bin").write_bytes(module("old"))
    bench.write(
        "probe",
        {CONFIG_NAME: build_config(["cp", "../shared/source.bin", "{output}"], sources=["../shared/**/*.bin"])},
    )
    async with bench.session(trust_all=True) as session:
        await bench.log.state("probe", PluginState.READY)
        replace_file(bench.folder / "shared" / "source.bin", module("new"))
        await bench.log.next(ReloadFinished, "probe")
        assert await biography(session.engine, "probe") == "new"


async def test_the_output_of_a_failing_command_is_reported_line_by_line(bench: Bench) -> None:
    bench.write(
        "probe", {"main.c": "x", CONFIG_NAME: build_config(shell("echo compiling; echo main.c:1:1: no >&2; exit 3"))}
    )
    async with bench.session(trust_all=True) as session:
        finished = await bench.log.next(BuildFinished)
        assert (finished.ok, finished.exit_code) == (False, 3)
        assert finished.error == "`sh` ended with exit status 3: no"
        assert state_of(session, "probe") == "build failed"
    lines = {(event.stream.value, event.line) for event in bench.log.of(BuildOutput)}
    assert lines == {("stdout", "compiling"), ("stderr", "main.c:1:1: no")}

"""Sessions: one state per plugin for people, and a thread of their own for screens."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from engine import Settings
from engine.calls import PluginId
from engine.errors import EngineClosed, Place, SettingsError
from engine.events import EngineClosed as EngineClosedEvent
from engine.events import EngineWarned, PluginState
from engine.plugins.info import PluginInfo
from tests.workbench.devloop.bench import TIMING, Bench, biography, build_config, module, text_module
from workbench.devloop.build_config import CONFIG_NAME
from workbench.devloop.status import BuildPhase, BuildStatus
from workbench.session import Session, SessionThread, status_in_words


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    """A folder for plugins and the sessions on it."""
    return Bench(tmp_path / "bench")


def _info(state: PluginState) -> PluginInfo:
    return PluginInfo(
        id=PluginId("probe"), folder="probe", path=Path("/p"), state=state, generation=1, error="why", hint="what"
    )


@pytest.mark.parametrize("state", [state for state in PluginState if state is not PluginState.DISCOVERED])
@pytest.mark.parametrize("phase", [BuildPhase.NONE, BuildPhase.IDLE])
def test_without_news_from_the_build_the_engines_state_is_shown(state: PluginState, phase: BuildPhase) -> None:
    status = status_in_words(_info(state), BuildStatus(phase=phase))
    assert (status.state, status.reason, status.hint) == (str(state), "why", "what")


@pytest.mark.parametrize(
    ("state", "phase", "shown"),
    [
        (PluginState.READY, BuildPhase.BUILDING, "building"),
        (PluginState.NOT_BUILT, BuildPhase.WAITING, "building"),
        (PluginState.READY, BuildPhase.FAILED, "build failed"),
        (PluginState.NOT_BUILT, BuildPhase.NOT_TRUSTED, "not trusted"),
        (PluginState.READY, BuildPhase.NOT_TRUSTED, "not trusted"),
        (PluginState.FAILED, BuildPhase.NOT_TRUSTED, "failed"),
        (PluginState.STALE, BuildPhase.NOT_TRUSTED, "stale"),
        (PluginState.DISCOVERED, BuildPhase.IDLE, "compiling"),
    ],
)
def test_the_build_shows_where_it_matters_more(state: PluginState, phase: BuildPhase, shown: str) -> None:
    assert status_in_words(_info(state), BuildStatus(phase=phase)).state == shown


def test_a_failed_build_shows_its_reason_and_what_would_run() -> None:
    place = Place(file=Path("/p/main.go"), line=3)
    build = BuildStatus(
        phase=BuildPhase.FAILED, command=("make",), env={"A": "1"}, error="broken", hint="mend it", place=place
    )
    status = status_in_words(_info(PluginState.READY), build)
    assert (status.reason, status.hint, status.place) == ("broken", "mend it", place)
    assert (status.build_command, status.build_env, status.is_builtin_build) == (("make",), {"A": "1"}, False)


async def test_statuses_tell_of_good_and_bad_plugins(bench: Bench) -> None:
    bench.write("good", {"plugin.wat": text_module("hello")})
    bench.write("asks", {CONFIG_NAME: build_config(["make"])})
    bench.write("bare", {})
    (bench.folder / "odd").mkdir()
    async with bench.session() as session:
        await bench.log.state("good", PluginState.READY)
        for info in session.engine.plugins():
            await session.engine.ready(info.id)
        statuses = {status.info.folder: status for status in session.statuses()}
    assert {name: status.state for name, status in statuses.items()} == {
        "asks": "not trusted",
        "bare": "not built",
        "good": "ready",
        "odd": "failed",
    }
    assert statuses["asks"].build_command == ("make",)
    assert statuses["good"].is_builtin_build


async def test_a_damaged_trust_file_is_reported_on_the_bus(bench: Bench) -> None:
    bench.write("asks", {CONFIG_NAME: build_config(["make"])})
    (bench.root / "data" / "workbench").mkdir(parents=True)
    (bench.root / "data" / "workbench" / "trust.json").write_text("{")
    async with bench.session():
        warning = await bench.log.next(EngineWarned)
    assert warning.summary.startswith("no build command is trusted: ")


async def test_a_session_with_plugins_disabled_touches_nothing(bench: Bench, tmp_path: Path) -> None:
    folder = bench.write("probe", {"plugin.wat": text_module("hello")})
    settings = Settings.load(environ={"HOME": str(tmp_path), "ND_PLUGINS_ENABLED": "false"})
    async with Session(settings, (bench.folder,), timing=TIMING) as session:
        assert session.statuses() == ()
    assert not (folder / "plugin.wasm").exists()


async def test_closing_twice_is_closing_once(bench: Bench) -> None:
    session = bench.session()
    async with session:
        pass
    await session.close()
    assert len(bench.log.of(EngineClosedEvent)) == 1


def test_a_session_thread_serves_from_its_own_loop_and_ends(tmp_path: Path) -> None:
    async def prepare() -> Bench:
        bench = Bench(tmp_path / "bench")
        bench.write("probe", {"plugin.wasm": module("from the thread")})
        return bench

    bench = asyncio.run(prepare())
    thread = SessionThread(lambda: Session(bench.settings, (bench.folder,), timing=TIMING))
    session = thread.start()

    async def ask() -> tuple[str, str]:
        return await biography(session.engine, "probe"), threading.current_thread().name

    assert thread.submit(ask()).result(10) == ("from the thread", "session")
    assert thread.close(10)
    assert thread.close(10)
    with pytest.raises(EngineClosed):
        thread.submit(ask())
    assert "session" not in [running.name for running in threading.enumerate()]


def test_work_under_way_is_cancelled_when_the_thread_closes(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    settings = Settings.load(environ={"HOME": str(tmp_path)}, plugins_folder=tmp_path / "plugins")
    thread = SessionThread(lambda: Session(settings, timing=TIMING))
    thread.start()
    begun = threading.Event()

    async def wait_for_ever() -> None:
        begun.set()
        await asyncio.Event().wait()

    work = thread.submit(wait_for_ever())
    assert begun.wait(10)
    assert thread.close(10)
    assert work.cancelled()


def test_what_opening_raises_is_raised_by_start(tmp_path: Path) -> None:
    def refuse() -> Session:
        raise SettingsError("these settings cannot be used")

    thread = SessionThread(refuse)
    with pytest.raises(SettingsError, match="these settings cannot be used"):
        thread.start()
    assert thread.close(10)


def test_a_thread_that_was_never_started_is_closed_and_takes_no_work() -> None:
    async def nothing() -> None:
        return

    thread = SessionThread(lambda: pytest.fail("never started"))
    with pytest.raises(EngineClosed):
        thread.submit(nothing())
    assert thread.close()


def test_a_session_that_takes_too_long_to_open_says_so(tmp_path: Path) -> None:
    go = threading.Event()

    def slow() -> Session:
        go.wait(10)
        raise SettingsError("too late")

    thread = SessionThread(slow)
    with pytest.raises(TimeoutError, match=r"could not be opened within 0\.01 seconds: .*folder"):
        thread.start(timeout_s=0.01)
    go.set()
    assert thread.close(10)

"""The compile cache as a folder: what is listed, what is removed, and what strange files do to it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from engine.wasm.cache_entry import CacheEntry, EntryName
from engine.wasm.code_folder import CodeFolder
from engine.wasm.compile_cache import CompileCache
from engine.wasm.runtime import Runtime, compiler_fingerprint
from engine.wasm.tier import Tier
from tests.engine.wasm.cache_bench import OTHER_SHA, SHA, CacheBench, keep, names_of, sha

FOREIGN = "wasmtime-49.0.0-0123456789ab"


def entry_of(cache: CompileCache, module: str = SHA) -> CacheEntry:
    [entry] = [entry for entry in cache.entries() if entry.module_sha256 == module]
    return entry


def make_foreign(bench: CacheBench, module: str = SHA) -> None:
    """Let the entry of a module be one of another compiler."""
    for path in bench.folder.iterdir():
        if path.name.startswith(module):
            path.rename(path.with_name(path.name.replace(compiler_fingerprint(), FOREIGN)))


# --- listing


def test_an_entry_is_listed_with_all_that_is_known_of_it(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    keep(cache, code, tier=Tier.QUICK)
    stored = entry_of(cache)
    for _ in range(3):
        cache.load(SHA, plugin="somebody else")
    entry = entry_of(cache)
    assert (entry.module_sha256, entry.tier, entry.plugin) == (SHA, Tier.QUICK, "probe")
    assert (entry.code_bytes, entry.module_bytes, entry.compile_ns) == (len(code), 1234, 5678)
    assert (entry.path, entry.is_current, entry.hits) == (bench.only_code_file(), True, 3)
    assert compiler_fingerprint().startswith(f"wasmtime-{entry.wasmtime_version}-")
    assert stored.created_ns is not None
    assert stored.created_ns <= stored.last_used_ns < entry.last_used_ns


def test_the_last_used_is_listed_first(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    for index in range(3):
        keep(cache, code, module=sha(index))
    cache.load(sha(1), plugin="probe")
    assert [entry.module_sha256 for entry in cache.entries()] == [sha(1), sha(2), sha(0)]


def test_an_entry_of_another_compiler_is_listed_as_such_and_never_loaded(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    keep(cache, code)
    make_foreign(bench)
    entry = entry_of(cache)
    assert (entry.wasmtime_version, entry.is_current, entry.plugin) == ("49.0.0", False, "probe")
    assert cache.load(SHA, plugin="probe") is None
    assert bench.faults == []


def test_an_entry_without_notes_is_used_and_noted_again(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    keep(cache, code)
    entry_of(cache).path.with_suffix(".json").unlink()
    lost = entry_of(cache)
    assert (lost.plugin, lost.module_bytes, lost.compile_ns, lost.created_ns, lost.hits) == (None,) * 4 + (0,)
    assert cache.load(SHA, plugin="probe") is not None
    assert (entry_of(cache).plugin, entry_of(cache).hits) == ("probe", 1)
    assert bench.faults == []


@pytest.mark.parametrize("notes", [b"", b"\0" * 100, b"[" * 2000, os.urandom(500)])
def test_an_entry_with_damaged_notes_is_used(bench: CacheBench, code: bytes, notes: bytes) -> None:
    cache = bench.open()
    keep(cache, code)
    entry_of(cache).path.with_suffix(".json").write_bytes(notes)
    assert cache.load(SHA, plugin="probe") is not None
    assert (entry_of(cache).plugin, entry_of(cache).hits) == (None, 0)
    assert bench.faults == []


def test_looking_needs_no_compiler_makes_nothing_and_removes_nothing(tmp_path: Path) -> None:
    faults: list[str] = []
    folder = CodeFolder(tmp_path / "cache", fingerprint=FOREIGN, on_fault=lambda path, error: faults.append(error))
    assert folder.entries() == folder.purge() == ()
    assert list(tmp_path.iterdir()) == []
    assert faults == []


def test_a_folder_of_somebody_else_is_not_looked_into(tmp_path: Path) -> None:
    faults: list[str] = []
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    folder = CodeFolder(tmp_path / "link", fingerprint=FOREIGN, on_fault=lambda path, error: faults.append(error))
    assert folder.entries() == ()
    assert faults == ["cannot look into the compile cache: it is not a folder"]


# --- purging


@pytest.fixture
def filled(bench: CacheBench, code: bytes) -> CompileCache:
    """A cache with two plugins' code, one of them of another compiler, and leftovers of several kinds."""
    cache = bench.open()
    keep(cache, code, plugin="one")
    keep(cache, code, module=OTHER_SHA, plugin="two")
    make_foreign(bench, OTHER_SHA)
    (bench.folder / "stray.cwasm").write_bytes(b"x")
    (bench.folder / f"{sha(7)}-{compiler_fingerprint()}-quick.{sha(8)}.json").write_bytes(b"{}")
    (bench.folder / "linked.cwasm").symlink_to("nowhere")
    (bench.folder / ".scratch-abandoned").mkdir()
    (bench.folder / "notes-of-the-user.txt").write_text("mine")
    return cache


def test_purging_everything_leaves_only_what_is_not_ours(bench: CacheBench, filled: CompileCache) -> None:
    removed = filled.purge()
    assert {entry.plugin for entry in removed} == {"one", "two"}
    filled.close()
    assert names_of(bench.folder.iterdir()) == {"notes-of-the-user.txt"}
    assert filled.purge() == ()
    assert bench.faults == []


def test_purging_one_plugin_leaves_the_others(bench: CacheBench, filled: CompileCache) -> None:
    [removed] = filled.purge(plugin="two")
    assert (removed.module_sha256, removed.is_current) == (OTHER_SHA, False)
    assert [entry.plugin for entry in filled.entries()] == ["one"]
    assert (bench.folder / "stray.cwasm").exists()


def test_purging_one_module_removes_all_its_tiers_and_notes(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    keep(cache, code)
    keep(cache, code, tier=Tier.QUICK)
    keep(cache, code, module=OTHER_SHA)
    assert {entry.tier for entry in cache.purge(module_sha256=SHA)} == set(Tier)
    assert {path.name[:64] for path in bench.folder.iterdir() if path.is_file()} == {OTHER_SHA}


def test_purging_what_there_is_not_removes_nothing(bench: CacheBench, filled: CompileCache) -> None:
    before = names_of(bench.folder.iterdir())
    assert filled.purge(plugin="three") == filled.purge(plugin="one", module_sha256=OTHER_SHA) == ()
    assert names_of(bench.folder.iterdir()) == before


def test_what_cannot_be_removed_is_reported_and_not_counted(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    keep(cache, code)
    stray = bench.folder / "stray.cwasm"
    (stray / "full").mkdir(parents=True)
    assert [entry.module_sha256 for entry in cache.purge()] == [SHA]
    assert "stray.cwasm: cannot remove" in bench.faults[0]


def test_opening_removes_lost_notes_but_no_entries_and_no_strays(bench: CacheBench, filled: CompileCache) -> None:
    bench.open()
    assert len(filled.entries()) == 2
    assert not (bench.folder / f"{sha(7)}-{compiler_fingerprint()}-quick.{sha(8)}.json").exists()
    assert not (bench.folder / ".scratch-abandoned").exists()
    assert (bench.folder / "stray.cwasm").exists()


def test_strays_count_and_go_like_entries_when_room_is_needed(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    keep(cache, code)
    (bench.folder / "stray.cwasm").write_bytes(b"x" * 5000)
    os.utime(bench.folder / "stray.cwasm", (1000, 1000))
    bench.open(limit=len(code) + 1000)
    assert entry_of(cache).path == bench.only_code_file()


# --- strange files


FILE_NAMES = st.one_of(
    st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=40),
    st.builds(
        lambda text, suffix: text + suffix,
        st.text("ab01-.~\n\x1b", max_size=40),
        st.sampled_from([".cwasm", ".json", ".scratch-", ""]),
    ),
    st.builds(
        lambda tier, number, is_code: getattr(
            EntryName(module_sha256=sha(number), fingerprint=compiler_fingerprint(), tier=tier, digest=sha(number + 1)),
            "code_file" if is_code else "notes_file",
        ),
        st.sampled_from(Tier),
        st.integers(0, 3),
        st.booleans(),
    ),
)


@settings(max_examples=60)
@given(files=st.dictionaries(FILE_NAMES, st.sampled_from(["file", "folder", "link", "pipe", "scratch"]), max_size=8))
def test_whatever_lies_in_the_folder_nothing_fails_and_no_entry_is_lost_to_it(
    tmp_path_factory: pytest.TempPathFactory, runtime: Runtime, code: bytes, files: dict[str, str]
) -> None:
    strange = CacheBench(tmp_path_factory.mktemp("strange"), runtime)
    keep(strange.open(), code)
    for file_name, kind in files.items():
        path = strange.folder / (f".scratch-{file_name}" if kind == "scratch" else file_name)
        with suppress(OSError):  # "..", a name that is too long, one that is there already
            match kind:
                case "file":
                    path.write_bytes(b"{}")
                case "folder" | "scratch":
                    path.mkdir()
                case "link":
                    path.symlink_to("nowhere")
                case "pipe":
                    os.mkfifo(path)
    cache = strange.open(limit=10**9)
    assert cache.load(SHA, plugin="probe") is not None
    for number in range(4):
        assert cache.load(sha(number), plugin="probe") is None
    assert entry_of(cache).plugin == "probe"
    cache.purge(plugin="nobody")
    assert entry_of(cache).hits == 1
    strange.open(limit=1)
    cache.purge()
    assert cache.entries() == ()
    strange.close()

"""Compiled code on disk: what is loaded is what was stored, and what is wrong costs a compilation at most."""

from __future__ import annotations

import gc
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.wasm.compile_cache import CompileCache
from engine.wasm.runtime import Runtime, compiler_fingerprint
from engine.wasm.tier import Tier
from tests.engine.wasm.cache_bench import OTHER_SHA, SHA, CacheBench, code_of, exports_of, keep, names_of, sha

IS_ROOT = os.geteuid() == 0


def load(cache: CompileCache, module: str = SHA) -> list[str]:
    """The exports of the module that the cache has, none when it has none."""
    return exports_of(cache.load(module, plugin="probe"))


# --- storing and loading


def test_an_entry_comes_back_in_another_process_of_the_same_configuration(bench: CacheBench, code: bytes) -> None:
    stored = keep(bench.open(), code)
    cache = bench.open()
    assert exports_of(stored) == load(cache) == ["f"]
    assert load(cache, OTHER_SHA) == []
    assert bench.faults == []


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_code_in_memory_is_kept_whatever_holds_it(
    bench: CacheBench, code: bytes, kind: type[bytes] | type[bytearray] | type[memoryview]
) -> None:
    stored = keep(bench.open(), kind(code))
    assert stored is not None
    assert (stored.tier, stored.code_bytes) == (Tier.OPTIMISED, len(code))
    assert bench.only_code_file().read_bytes() == code


def test_a_finished_file_is_moved_in_and_closed_to_others(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    scratch = cache.scratch()
    assert scratch is not None
    finished = scratch / "out"
    finished.write_bytes(code)
    finished.chmod(0o644)
    inode = finished.stat().st_ino
    assert exports_of(keep(cache, finished)) == ["f"]
    assert not finished.exists()
    entry = bench.only_code_file()
    assert entry.stat().st_ino == inode
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600


def test_the_name_of_an_entry_names_module_compiler_tier_and_digest(bench: CacheBench, code: bytes) -> None:
    keep(bench.open(), code, tier=Tier.QUICK)
    assert bench.only_code_file().name.startswith(f"{SHA}-{compiler_fingerprint()}-quick.")


def test_the_best_tier_is_loaded(bench: CacheBench) -> None:
    cache = bench.open()
    keep(cache, code_of(bench.runtime, "optimised"))
    keep(cache, code_of(bench.runtime, "quick"), tier=Tier.QUICK)
    loaded = cache.load(SHA, plugin="probe")
    assert (exports_of(loaded), loaded and loaded.tier) == (["optimised"], Tier.OPTIMISED)


def test_quick_code_serves_until_optimised_code_takes_its_place(bench: CacheBench) -> None:
    cache = bench.open()
    keep(cache, code_of(bench.runtime, "quick"), tier=Tier.QUICK)
    keep(cache, code_of(bench.runtime, "another"), tier=Tier.QUICK, module=OTHER_SHA)
    assert load(cache) == ["quick"]
    keep(cache, code_of(bench.runtime, "optimised"))
    assert load(cache) == ["optimised"]
    assert [(entry.module_sha256, entry.tier) for entry in cache.entries()] == [
        (SHA, Tier.OPTIMISED),
        (OTHER_SHA, Tier.QUICK),
    ]
    assert len(list(bench.folder.glob("*.json"))) == 2


def test_a_second_compilation_replaces_the_first(bench: CacheBench) -> None:
    cache = bench.open()
    keep(cache, code_of(bench.runtime, "first"))
    keep(cache, code_of(bench.runtime, "second"))
    assert load(cache) == ["second"]
    assert len(bench.code_files()) == 1


def test_code_that_was_loaded_runs_on_after_its_entry_is_gone(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    keep(cache, code)
    loaded = cache.load(SHA, plugin="probe")
    cache.purge()
    gc.collect()
    assert exports_of(loaded) == ["f"]


# --- damage


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "append", "garbage"])
def test_a_damaged_entry_is_dropped_and_reported(bench: CacheBench, code: bytes, damage: str) -> None:
    cache = bench.open()
    keep(cache, code)
    middle = len(code) // 2
    damaged = {
        "flip": code[:middle] + bytes([code[middle] ^ 1]) + code[middle + 1 :],
        "truncate": code[:middle],
        "empty": b"",
        "append": code + b"\0",
        "garbage": os.urandom(1000),
    }
    bench.only_code_file().write_bytes(damaged[damage])
    assert load(cache) == []
    assert "digest" in bench.faults[0]
    cache.close()
    assert list(bench.folder.iterdir()) == []


def test_the_quick_entry_serves_when_the_optimised_one_is_damaged(bench: CacheBench) -> None:
    cache = bench.open()
    keep(cache, code_of(bench.runtime, "optimised"))
    bench.only_code_file().write_bytes(b"")
    keep(cache, code_of(bench.runtime, "quick"), tier=Tier.QUICK)
    assert load(cache) == ["quick"]
    assert len(bench.faults) == 1


def test_what_is_no_code_is_refused_when_it_is_stored(bench: CacheBench) -> None:
    cache = bench.open()
    assert keep(cache, b"well digested, but no code at all") is None
    assert bench.code_files() == []
    assert "cannot be loaded" in bench.faults[0]


def test_a_well_named_entry_without_code_is_dropped(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    keep(cache, code)
    entry = bench.only_code_file()
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    entry.rename(entry.with_name(f"{SHA}-{compiler_fingerprint()}-optimised.{nothing}.cwasm")).write_bytes(b"")
    assert load(cache) == []
    assert bench.code_files() == []
    assert len(bench.faults) == 1


def replace_by_link(entry: Path) -> None:
    entry.rename(entry.with_name("moved"))
    entry.symlink_to("moved")


def replace_by_pipe(entry: Path) -> None:
    entry.unlink()
    os.mkfifo(entry)


def replace_by_folder(entry: Path) -> None:
    entry.unlink()
    entry.mkdir()


@pytest.mark.parametrize(
    ("tamper", "complaint"),
    [
        (replace_by_link, "it is a link"),
        (replace_by_pipe, "not a regular file"),
        (replace_by_folder, "not a regular file"),
        (lambda entry: entry.chmod(0o660), "others can write"),
        pytest.param(
            lambda entry: os.chown(entry, 12345, -1),
            "belongs to another user",
            marks=pytest.mark.skipif(not IS_ROOT, reason="only root can give files away"),
        ),
        pytest.param(
            lambda entry: entry.chmod(0),
            "permission denied",
            marks=pytest.mark.skipif(IS_ROOT, reason="root can read everything"),
        ),
    ],
)
def test_an_entry_that_somebody_else_may_have_made_is_not_loaded(
    bench: CacheBench, code: bytes, tamper: Callable[[Path], None], complaint: str
) -> None:
    cache = bench.open()
    keep(cache, code)
    tamper(bench.only_code_file())
    assert load(cache) == []
    assert complaint in bench.faults[0]
    assert exports_of(keep(cache, code)) == ["f"]


def test_an_entry_that_others_could_read_is_closed_to_them(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    keep(cache, code)
    bench.only_code_file().chmod(0o644)
    assert load(cache) == ["f"]
    assert stat.S_IMODE(bench.only_code_file().stat().st_mode) == 0o600


# --- the folder


def test_folder_and_files_are_private(bench: CacheBench, code: bytes) -> None:
    bench.folder.mkdir()
    bench.folder.chmod(0o777)
    cache = bench.open()
    keep(cache, code)
    scratch = cache.scratch()
    assert scratch is not None
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in bench.folder.iterdir()}
    assert modes.pop(scratch.name) == stat.S_IMODE(bench.folder.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}


def test_folders_above_get_the_usual_mode(tmp_path: Path, runtime: Runtime) -> None:
    CacheBench(tmp_path / "plugins" / "cache", runtime).open()
    (tmp_path / "usual").mkdir()
    assert (tmp_path / "plugins").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("obstacle", ["file above", "file", "link"])
def test_an_unusable_folder_costs_the_cache_and_nothing_else(
    tmp_path: Path, runtime: Runtime, code: bytes, obstacle: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    bench = CacheBench(tmp_path / {"file above": "file/cache"}.get(obstacle, obstacle), runtime)
    cache = bench.open()
    assert exports_of(keep(cache, code)) == ["f"]
    assert load(cache) == []
    assert cache.scratch() is None
    assert cache.entries() == cache.purge() == ()
    assert "cannot be used" in bench.faults[0]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_that_is_deleted_while_running_is_made_anew(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    keep(cache, code)
    bench.folder.rename(bench.folder.with_name("gone"))
    assert load(cache) == []
    assert cache.entries() == cache.purge() == ()
    assert exports_of(keep(cache, code)) == load(cache) == ["f"]
    assert bench.faults == []


def test_a_finished_file_that_vanished_is_a_fault_and_no_module(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    scratch = cache.scratch()
    assert scratch is not None
    (scratch / "out").write_bytes(code)
    bench.folder.rename(bench.folder.with_name("gone"))
    assert keep(cache, scratch / "out") is None
    assert "cannot read what was compiled" in bench.faults[0]


def test_closing_leaves_entries_only_and_ends_the_use(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    keep(cache, code)
    scratch = cache.scratch()
    assert scratch is not None
    (scratch / "half").write_bytes(b"x")
    cache.close()
    cache.close()
    assert {path.suffix for path in bench.folder.iterdir()} == {".cwasm", ".json"}
    assert cache.scratch() is None
    assert load(cache) == []
    assert bench.faults == []


# --- size


def test_the_entries_used_longest_ago_go_first(bench: CacheBench, code: bytes) -> None:
    cache = bench.open()
    for index in range(3):
        keep(cache, code, module=sha(index))
    for index, path in enumerate(bench.code_files()):
        os.utime(path, (1000 + index, 1000 + index))
    load(cache, sha(0))  # a use makes the oldest the newest
    bench.open(limit=3 * len(code))  # room for two with their notes
    assert {entry.module_sha256 for entry in cache.entries()} == {sha(0), sha(2)}


@pytest.mark.parametrize("limit", [None, 0])
def test_no_limit_purges_nothing(bench: CacheBench, code: bytes, limit: int | None) -> None:
    keep(bench.open(), code)
    cache = bench.open(limit=limit)
    keep(cache, code, module=OTHER_SHA)
    assert load(cache) == load(cache, OTHER_SHA) == ["f"]


def test_a_long_session_stays_within_the_limit(bench: CacheBench, code: bytes) -> None:
    limit = 3 * len(code) + 1000
    cache = bench.open(limit=limit)
    for index in range(8):
        keep(cache, code, module=sha(index))
        assert sum(path.stat().st_size for path in bench.folder.iterdir() if path.is_file()) <= limit
    assert [entry.module_sha256 for entry in cache.entries()] == [sha(7), sha(6), sha(5)]


def test_the_entry_just_stored_stays_even_when_it_alone_is_too_large(bench: CacheBench, code: bytes) -> None:
    cache = bench.open(limit=1)
    keep(cache, code, module=OTHER_SHA)
    keep(cache, code)
    assert load(cache) == ["f"]
    assert load(cache, OTHER_SHA) == []


# --- several at once


def test_storing_loading_and_purging_at_once_do_no_harm(bench: CacheBench, code: bytes) -> None:
    caches = [bench.open(limit=2 * len(code) + 1000) for _ in range(3)]
    failures: list[BaseException] = []

    def work(cache: CompileCache, turn: int) -> None:
        try:
            for index in range(25):
                module = sha(index % 3)
                assert exports_of(keep(cache, code, module=module)) == ["f"]
                assert load(cache, module) in ([], ["f"])
                if index % 5 == turn:
                    cache.purge()
                    cache.entries()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(cache, turn)) for turn, cache in enumerate(caches)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.close()
    assert failures == []
    assert bench.faults == []
    assert {path.suffix for path in bench.folder.iterdir()} <= {".cwasm", ".json"}


def test_a_scratch_folder_in_use_survives_another_process_that_opens_and_purges(bench: CacheBench, code: bytes) -> None:
    scratch = bench.open().scratch()
    assert scratch is not None
    (scratch / "growing").write_bytes(b"half of it")
    bench.open().purge()
    assert names_of(scratch.iterdir()) == {"growing"}

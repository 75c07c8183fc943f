"""Compiled code on disk: what is loaded is what was stored, and what is wrong costs a compilation at most."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
import wasmtime

from engine.wasm.compile_cache import CompileCache
from engine.wasm.runtime import Runtime

SHA = "ab" * 32


class Faults:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, _path: Path, error: str) -> None:
        self.seen.append(error)


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime()


@pytest.fixture(scope="module")
def artifact(runtime: Runtime) -> bytes:
    return bytes(wasmtime.Module(runtime.engine, '(module (func (export "f")))').serialize())


def open_cache(folder: Path, runtime: Runtime, limit: int | None = None) -> tuple[CompileCache, Faults]:
    faults = Faults()
    return CompileCache(folder, runtime, size_limit_bytes=limit, on_fault=faults), faults


def only_entry(folder: Path) -> Path:
    [entry] = folder.iterdir()
    return entry


def test_an_entry_comes_back_in_another_process_of_the_same_configuration(
    tmp_path: Path, runtime: Runtime, artifact: bytes
) -> None:
    open_cache(tmp_path / "c", runtime)[0].store(SHA, artifact)
    cache, faults = open_cache(tmp_path / "c", runtime)
    loaded = cache.load(SHA)
    assert loaded is not None
    assert [item.name for item in loaded[0].exports] == ["f"]
    assert cache.load("cd" * 32) is None
    assert not faults.seen


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are a POSIX matter")
def test_folder_and_files_are_private(tmp_path: Path, runtime: Runtime, artifact: bytes) -> None:
    folder = tmp_path / "c"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    open_cache(folder, runtime)[0].store(SHA, artifact)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(only_entry(folder).stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "append", "garbage"])
def test_a_damaged_entry_is_dropped_and_reported(
    tmp_path: Path, runtime: Runtime, artifact: bytes, damage: str
) -> None:
    cache, faults = open_cache(tmp_path / "c", runtime)
    cache.store(SHA, artifact)
    entry = only_entry(tmp_path / "c")
    middle = len(artifact) // 2
    entry.write_bytes(
        {
            "flip": artifact[:middle] + bytes([artifact[middle] ^ 1]) + artifact[middle + 1 :],
            "truncate": artifact[:middle],
            "empty": b"",
            "append": artifact + b"\0",
            "garbage": os.urandom(1000),
        }[damage]
    )
    assert cache.load(SHA) is None
    assert "digest" in faults.seen[0]
    assert list((tmp_path / "c").iterdir()) == []


def test_code_of_another_compiler_is_dropped(tmp_path: Path, runtime: Runtime) -> None:
    cache, faults = open_cache(tmp_path / "c", runtime)
    cache.store(SHA, b"well digested, but no code at all")
    assert cache.load(SHA) is None
    assert faults.seen


def test_an_unusable_folder_costs_the_cache_and_nothing_else(tmp_path: Path, runtime: Runtime, artifact: bytes) -> None:
    (tmp_path / "file").write_text("in the way")
    cache, faults = open_cache(tmp_path / "file" / "c", runtime)
    cache.store(SHA, artifact)
    assert cache.load(SHA) is None
    assert "cannot be used" in faults.seen[0]


def test_the_entries_used_longest_ago_go_first(tmp_path: Path, runtime: Runtime, artifact: bytes) -> None:
    folder = tmp_path / "c"
    cache, _ = open_cache(folder, runtime)
    for index in range(3):
        cache.store(f"{index:02x}" * 32, artifact)
        entry = next(path for path in folder.iterdir() if path.name.startswith(f"{index:02x}"))
        os.utime(entry, (1000 + index, 1000 + index))
    cache.load("00" * 32)  # a use makes the oldest the newest
    open_cache(folder, runtime, limit=2 * len(artifact))
    assert sorted(path.name[:2] for path in folder.iterdir()) == ["00", "02"]


@pytest.mark.parametrize("limit", [None, 0])
def test_no_limit_purges_nothing(tmp_path: Path, runtime: Runtime, artifact: bytes, limit: int | None) -> None:
    open_cache(tmp_path / "c", runtime)[0].store(SHA, artifact)
    cache, _ = open_cache(tmp_path / "c", runtime, limit=limit)
    assert cache.load(SHA) is not None

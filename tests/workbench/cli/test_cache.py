"""`workbench cache list` and `purge`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Settings
from engine.wasm.runtime import Runtime, compiler_fingerprint
from engine.wasm.tier import Tier
from tests.engine.guests import plugin_wat
from tests.engine.wasm.cache_bench import OTHER_SHA, SHA, CacheBench, code_of, keep
from tests.workbench.cli.conftest import CommandLine


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime()


@pytest.fixture
def bench(cli: CommandLine, runtime: Runtime) -> Iterator[CacheBench]:
    """The cache that the command line works on, empty."""
    bench = CacheBench(Settings.load().compile_cache_folder, runtime)
    yield bench
    bench.close()


@pytest.fixture
def filled(bench: CacheBench, runtime: Runtime) -> CacheBench:
    """The cache with code of two plugins, the second one's used once."""
    cache = bench.open()
    keep(cache, code_of(runtime, "one"), plugin="one", tier=Tier.QUICK)
    keep(cache, code_of(runtime, "two"), module=OTHER_SHA, plugin="two")
    cache.load(OTHER_SHA, plugin="two")
    return bench


# --- list


def test_list_prints_a_row_for_each_entry_and_the_total(cli: CommandLine, filled: CacheBench) -> None:
    ran = cli.run("cache", "list")
    header, first, second, total = ran.out.splitlines()
    assert (ran.status, ran.err) == (0, "")
    assert header.split() == ["PLUGIN", "TIER", "CODE", "MODULE", "COMPILED", "IN", "HITS", "LAST", "USED", "HASH"]
    assert first.split()[:2] == ["two", "optimised"]
    assert second.split()[:2] == ["one", "quick"]
    assert "1.21 KiB" in first
    assert "5.68 µs" in first
    assert first.endswith(OTHER_SHA[:12])
    assert first.index(OTHER_SHA[:12]) == header.index("HASH")
    assert total.startswith("2 entries, ")
    assert str(filled.folder) in total
    assert "the limit is 95.4 MiB" in total


def test_the_json_list_has_the_promised_fields(cli: CommandLine, filled: CacheBench) -> None:
    listed = cli.run("cache", "list", "--json").json()
    two, one = listed["entries"]
    assert (listed["folder"], listed["limit_bytes"]) == (str(filled.folder), 100_000_000)
    assert listed["code_bytes"] == one["code_bytes"] + two["code_bytes"]
    assert two.pop("last_used_ns") >= two.pop("created_ns") > 0
    assert Path(two.pop("path")).stat().st_size == two.pop("code_bytes")
    assert compiler_fingerprint().startswith(f"wasmtime-{two.pop('wasmtime_version')}-")
    assert two == {
        "plugin": "two",
        "module_sha256": OTHER_SHA,
        "tier": "optimised",
        "current": True,
        "module_bytes": 1234,
        "compile_ns": 5678,
        "hits": 1,
    }


def test_what_this_compiler_cannot_load_is_marked(cli: CommandLine, filled: CacheBench) -> None:
    own = compiler_fingerprint()
    old, other = "wasmtime-1.0.0-0123456789ab", f"{own.rpartition('-')[0]}-0123456789ab"
    for path, fingerprint in zip(filled.code_files(), (old, other), strict=True):
        path.rename(path.with_name(path.name.replace(own, fingerprint)))
    _, *rows, _ = cli.run("cache", "list").out.splitlines()
    assert {row.partition("stale: ")[2] for row in rows} == {"wasmtime 1.0.0", "another configuration"}


def test_an_empty_cache_is_said_to_be_empty_and_not_made(cli: CommandLine, bench: CacheBench) -> None:
    ran = cli.run("cache", "list")
    assert (ran.status, ran.out, ran.err) == (0, f"no compiled code in {bench.folder}\n", "")
    assert cli.run("cache", "list", "--json").json()["entries"] == []
    assert not bench.folder.exists()


def test_a_hostile_plugin_name_in_the_notes_is_made_inert(cli: CommandLine, filled: CacheBench) -> None:
    for notes in filled.folder.glob("*.json"):
        notes.write_text('{"plugin": "\\u001b[2Jevil\\u202e"}')
    ran = cli.run("cache", "list")
    assert "␛[2Jevil" in ran.out
    assert "\x1b" not in ran.out
    assert "\u202e" not in ran.out + cli.run("cache", "list", "--json").out


def test_a_cache_that_cannot_be_trusted_is_an_error(cli: CommandLine, filled: CacheBench) -> None:
    filled.folder.rename(filled.folder.with_name("real"))
    filled.folder.symlink_to("real")
    ran = cli.run("cache", "list")
    assert ran.status == 1
    assert "cannot look into the compile cache: it is not a folder" in ran.err


def test_the_list_shows_what_a_call_left_and_disturbs_no_open_cache(cli: CommandLine, bench: CacheBench) -> None:
    cli.plugins.write(plugin_wat())
    scratch = bench.open().scratch()
    assert scratch is not None
    assert cli.run("call", "probe", "GetArtistMBID").status in (0, 1)
    [entry] = cli.run("cache", "list", "--json").json()["entries"]
    assert (entry["plugin"], entry["current"]) == ("probe", True)
    assert cli.run("cache", "purge").status == 0
    assert scratch.is_dir()
    assert cli.run("call", "probe", "GetArtistMBID").status in (0, 1)


# --- purge


def test_purge_removes_everything_and_says_what_was_freed(cli: CommandLine, filled: CacheBench) -> None:
    size = sum(path.stat().st_size for path in filled.code_files())
    ran = cli.run("cache", "purge")
    assert (ran.status, ran.err) == (0, "")
    assert {line.split(",")[0] for line in ran.out.splitlines()} == {
        "one: quick code removed",
        "two: optimised code removed",
        "2 entries",
    }
    assert f"{size / 1024:.1f} KiB freed in {filled.folder}" in ran.out
    assert filled.code_files() == []
    assert cli.run("cache", "purge", "--json").json() == {"freed_bytes": 0, "removed": []}


@pytest.mark.parametrize("target", ["one", SHA[:6], SHA[:12].upper(), SHA])
def test_purge_takes_a_plugin_or_the_beginning_of_a_hash(cli: CommandLine, filled: CacheBench, target: str) -> None:
    purged = cli.run("cache", "purge", target, "--json").json()
    assert [entry["plugin"] for entry in purged["removed"]] == ["one"]
    assert purged["freed_bytes"] == purged["removed"][0]["code_bytes"]
    assert [entry["plugin"] for entry in cli.run("cache", "list", "--json").json()["entries"]] == ["two"]


@pytest.mark.parametrize("target", ["onne", "three", "", SHA[:5], "ffffff", "[0-9a-f]{6}"])
def test_purging_what_is_not_kept_is_refused_and_removes_nothing(
    cli: CommandLine, filled: CacheBench, target: str
) -> None:
    ran = cli.run("cache", "purge", target)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("workbench: nothing was purged: ")
    assert ("did you mean" if target == "onne" else "compiled code of: one, two") in ran.err
    assert len(filled.code_files()) == 2


def test_a_hash_that_means_several_modules_is_wrong_usage(
    cli: CommandLine, filled: CacheBench, runtime: Runtime
) -> None:
    keep(filled.open(), code_of(runtime), module=SHA[:-1] + "f")
    ran = cli.run("cache", "purge", SHA[:12])
    assert (ran.status, ran.out) == (2, "")
    assert "begins the hash of 2 modules" in ran.err
    assert len(filled.code_files()) == 3


def test_what_cannot_be_removed_is_said_and_fails_the_command(cli: CommandLine, filled: CacheBench) -> None:
    stray = filled.folder / "stray.cwasm"
    stray.mkdir()
    ran = cli.run("cache", "purge")
    assert ran.status == 1
    assert "2 entries" in ran.out
    assert "cannot remove the file" in ran.err
    assert str(stray) in ran.err

"""Notes beside an entry: kept, counted on, and never believed further than they make sense."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.wasm.cache_notes import NO_NOTES, Notes, count_hit, read_notes, write_notes

NOTES = Notes(plugin="probe", module_bytes=1234, compile_ns=5678, created_ns=9)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=12,
)


def write_raw(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o600)


def is_sensible(notes: Notes) -> bool:
    """Whether nothing in the notes can surprise who shows them."""
    numbers = (notes.module_bytes, notes.compile_ns, notes.created_ns)
    if notes.plugin is not None:
        notes.plugin.encode()
    return all(number is None or 0 <= number < 2**63 for number in numbers) and len(notes.plugin or "") <= 256


def test_notes_come_back_with_the_hits_counted_since(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    write_notes(path, NOTES, scratch=tmp_path)
    assert read_notes(path) == (NOTES, 0)
    for _ in range(3):
        count_hit(path)
    assert read_notes(path) == (NOTES, 3)
    assert json.loads(path.read_bytes())["plugin"] == "probe"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_notes_that_are_written_again_start_counting_anew(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    write_notes(path, NOTES, scratch=tmp_path)
    count_hit(path)
    write_notes(path, NOTES, scratch=tmp_path)
    assert read_notes(path) == (NOTES, 0)


def test_no_hit_is_lost_when_several_count_at_once(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    write_notes(path, NOTES, scratch=tmp_path)

    def count() -> None:
        for _ in range(200):
            count_hit(path)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_notes(path) == (NOTES, 800)


def test_counting_ends_before_the_file_grows_large(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    write_notes(path, NOTES, scratch=tmp_path)
    os.truncate(path, 1 << 20)
    count_hit(path)
    assert path.stat().st_size == 1 << 20


def test_a_hit_without_notes_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        count_hit(tmp_path / "notes")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "missing"])
def test_what_is_no_file_of_ours_is_neither_read_nor_written(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "notes", tmp_path / "other"
    write_notes(other, NOTES, scratch=tmp_path)
    before = other.read_bytes()
    match kind:
        case "link":
            path.symlink_to(other)
        case "pipe":
            os.mkfifo(path, 0o600)
        case "folder":
            path.mkdir()
    with pytest.raises(OSError):
        count_hit(path)
    assert read_notes(path) == (NO_NOTES, 0)
    assert other.read_bytes() == before


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[" * 2000,
        b'{"plugin":' * 150,
        b"\xff\xfe{}",
        b"1" * 2000,
        b'"text"',
        b'{"plugin": "' + b"x" * 4000 + b'"}',
        b"\n" * 5000,
        b"\0" * 5000,
        b'{"plugin": "\\ud800"}',
        b'{"module_bytes": -1, "compile_ns": 1e3, "created_ns": true}',
        b'{"module_bytes": 9223372036854775808, "plugin": 7}',
    ],
)
def test_damaged_notes_are_no_notes(tmp_path: Path, data: bytes) -> None:
    write_raw(tmp_path / "notes", data)
    assert read_notes(tmp_path / "notes") == (NO_NOTES, 0)


@given(JSON_VALUES)
def test_whatever_json_the_notes_hold_what_is_read_makes_sense(value: object) -> None:
    assert is_sensible(Notes.of(value))


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("plugin", "module_bytes", "compile_ns"), JSON_VALUES)))
def test_members_that_make_no_sense_are_left_out(value: dict[str, object]) -> None:
    assert is_sensible(Notes.of(value))


@given(data=st.binary(max_size=3000))
def test_whatever_bytes_the_notes_are_reading_them_answers(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes-of-notes"
    write_raw(path, data)
    notes, hits = read_notes(path)
    assert is_sensible(notes)
    assert 0 <= hits <= len(data)

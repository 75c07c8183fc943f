"""Stamps and digests."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from workbench.devloop.fingerprint import Stamp, digest_of, digest_of_all, has_same_content, stamp_of

ENDLESS = Path("/proc/self/pagemap")


def test_only_regular_files_have_stamps_and_digests(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing", Path("a\0b")):
        assert stamp_of(path) is None
        assert digest_of(path) is None


def test_a_digest_is_the_sha256_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert digest_of(tmp_path / "file") == hashlib.sha256(b"content").hexdigest()


def test_a_replaced_file_has_another_stamp_even_with_equal_times(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text("same")
        os.utime(tmp_path / name, ns=(5, 5))
    before = stamp_of(tmp_path / "one")
    os.replace(tmp_path / "two", tmp_path / "one")
    assert stamp_of(tmp_path / "one") != before


def test_the_digest_of_many_depends_on_names_and_contents_but_not_on_times(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    stamp = Stamp(1, 1, 1)
    both = digest_of_all([(one, stamp), (two, stamp)])
    assert digest_of_all([(one, Stamp(1, 2, 3)), (two, stamp)]) == both
    assert digest_of_all([(one, stamp)]) != both
    two.write_text("3")
    assert digest_of_all([(one, stamp), (two, stamp)]) != both


def test_beyond_the_limit_stamps_stand_in_for_content(tmp_path: Path) -> None:
    file = tmp_path / "huge"
    file.write_text("x")
    huge = Stamp(1 << 40, 1, 1)
    assert digest_of_all([(file, huge)]) == digest_of_all([(file, huge)])
    assert digest_of_all([(file, huge)]) != digest_of_all([(file, Stamp(1 << 40, 2, 1))])


def test_a_file_is_read_up_to_the_limit_whatever_its_folder_entry_says(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert digest_of(file, limit_bytes=5) == hashlib.sha256(b"12345").hexdigest()
    assert digest_of(file, limit_bytes=4) is None


@pytest.mark.skipif(not ENDLESS.exists(), reason="this system has no such file")
def test_a_file_of_size_zero_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    stamp = stamp_of(ENDLESS)
    assert stamp is not None
    assert stamp.size == 0
    assert digest_of(ENDLESS, limit_bytes=1 << 20) is None
    # It counts by its stamp, and not again with what follows.
    assert digest_of_all([(ENDLESS, stamp)], limit_bytes=1 << 20) == digest_of_all([(ENDLESS, stamp)], limit_bytes=-1)


def test_the_limit_over_many_files_counts_what_was_read_and_not_what_stamps_say(tmp_path: Path) -> None:
    long, short = tmp_path / "long", tmp_path / "short"
    long.write_bytes(b"x" * 10)
    short.write_bytes(b"1")
    files = [(long, Stamp(0, 1, 1)), (short, Stamp(1, 1, 1))]
    before = digest_of_all(files, limit_bytes=10)
    short.write_bytes(b"2")
    assert digest_of_all(files, limit_bytes=10) == before
    assert digest_of_all(files, limit_bytes=11) != before


def test_files_that_cannot_be_read_never_have_the_same_content(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert not has_same_content(tmp_path / "one", tmp_path / "two")
        (tmp_path / name).write_text("same")
    assert has_same_content(tmp_path / "one", tmp_path / "two")

"""Stamps and digests."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from workbench.devloop.fingerprint import Stamp, digest_of, digest_of_all, stamp_of


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

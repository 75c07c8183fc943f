"""Reading foreign files: regular ones, up to a limit, with the system's reason otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.plugins.files import FileTooLarge, NotARegularFile, cause_text, read_limited


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"1234")
    assert read_limited(file, 4) == b"1234"
    with pytest.raises(FileTooLarge, match="larger than 3 bytes"):
        read_limited(file, 3)


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotARegularFile) as caught:
        read_limited(tmp_path / "pipe", 10)
    assert cause_text(caught.value) == "not a regular file"


def test_the_cause_is_the_systems_without_the_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        read_limited(tmp_path / "absent", 10)
    assert cause_text(caught.value) == "no such file or directory"
    assert cause_text(OSError()) == "the system gives no reason"

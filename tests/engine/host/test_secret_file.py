"""The file that keeps a secret."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from engine.host.secret_file import SECRET_BYTES, load_or_create


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "a.secret"
    secret = load_or_create(path)
    assert len(secret) == SECRET_BYTES
    assert load_or_create(path) == secret == path.read_bytes()
    assert (mode_of(path), mode_of(path.parent)) == (0o600, 0o700)
    assert [entry.name for entry in path.parent.iterdir()] == ["a.secret"]


def test_secrets_differ(tmp_path: Path) -> None:
    assert load_or_create(tmp_path / "a") != load_or_create(tmp_path / "b")


@pytest.mark.parametrize("damaged", [b"", b"short", bytes(SECRET_BYTES + 1)])
def test_a_damaged_secret_is_replaced(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "a.secret"
    path.write_bytes(damaged)
    secret = load_or_create(path)
    assert path.read_bytes() == secret != damaged
    assert mode_of(path) == 0o600


def test_a_secret_that_others_may_read_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.secret"
    path.write_bytes(bytes(SECRET_BYTES))
    path.chmod(0o644)
    assert load_or_create(path) == bytes(SECRET_BYTES)
    assert mode_of(path) == 0o600


def test_a_link_or_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(bytes(SECRET_BYTES))
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder"):
        with pytest.raises(OSError):
            load_or_create(tmp_path / name)
    assert target.read_bytes() == bytes(SECRET_BYTES)


def test_all_who_make_it_at_the_same_time_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.secret"
    ready = threading.Barrier(8)
    secrets: set[bytes] = set()

    def load() -> None:
        ready.wait(30)
        secrets.add(load_or_create(path))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert secrets == {path.read_bytes()}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.secret"]

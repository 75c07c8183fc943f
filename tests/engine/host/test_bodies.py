"""Reading bodies: limits and gzip, without any network."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host.bodies import BadBody, read_body
from engine.host.deadline import Deadline, RequestEnded


def deadline(stop: threading.Event | None = None) -> Deadline:
    return Deadline(timeout_s=10, stop=stop or threading.Event(), stop_reason=lambda: "context canceled")


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[position : position + size] for position in range(0, len(data), size)]


@given(st.lists(st.binary(max_size=300), max_size=4), st.integers(1, 50))
def test_gzip_members_in_any_pieces_unpack_to_their_contents(members: list[bytes], size: int) -> None:
    packed = b"".join(gzip.compress(member) for member in members)
    body = read_body(in_pieces(packed, size), deadline(), limit_bytes=10_000, gunzip=True)
    assert body == b"".join(members)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_gzip_are_refused_or_empty(data: bytes) -> None:
    try:
        body = read_body([data], deadline(), limit_bytes=1000, gunzip=True)
    except BadBody as refused:
        assert str(refused).startswith("gzip: ")
    else:
        assert len(body) <= 1000


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_unpacked_bytes_may_fill_the_limit_but_not_pass_it(size: int) -> None:
    fitting, too_large = gzip.compress(bytes(5000)), gzip.compress(bytes(5001))
    assert read_body(in_pieces(fitting, size), deadline(), limit_bytes=5000, gunzip=True) == bytes(5000)
    with pytest.raises(BadBody, match="exceeds the limit of 5000 bytes"):
        read_body(in_pieces(too_large, size), deadline(), limit_bytes=5000, gunzip=True)


def test_something_after_the_last_member_is_refused() -> None:
    with pytest.raises(BadBody, match="gzip: invalid data"):
        read_body([gzip.compress(b"a") + b"garbage"], deadline(), limit_bytes=1000, gunzip=True)


def test_a_cancel_ends_reading_between_two_pieces() -> None:
    stop = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"first"
        stop.set()
        yield b"second"
        raise AssertionError("nothing is read after the cancel")

    with pytest.raises(RequestEnded, match="context canceled"):
        read_body(pieces(), deadline(stop), limit_bytes=1000, gunzip=False)

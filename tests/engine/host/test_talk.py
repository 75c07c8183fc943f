"""The WebSocket protocol as pure steps, fed byte by byte and with hostile bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import FrameKind
from engine.host.talk import Arrived, NotOpen, Talk, close_problem
from engine.plugins.urls import WEBSOCKET_SCHEMES, normalise
from tests.engine.host.socket_bench import accept, frame

TARGET = normalise("ws://a.example:8080/x?", WEBSOCKET_SCHEMES)


def opened(limit_bytes: int = 1000) -> Talk:
    """A talk whose handshake is over."""
    talk = Talk(TARGET, {}, message_limit_bytes=limit_bytes)
    talk.feed(accept(talk.outgoing()))
    assert talk.is_open
    return talk


def test_the_handshake_asks_for_the_url_to_the_letter_and_offers_no_extension() -> None:
    head = Talk(TARGET, {}, message_limit_bytes=1).outgoing().decode()
    assert head.startswith("GET /x? HTTP/1.1\r\nHost: a.example:8080\r\n")
    assert "Extensions" not in head
    assert "User-Agent: navidrome-workbench\r\n" in head


def test_an_empty_user_agent_sends_none() -> None:
    assert b"User-Agent" not in Talk(TARGET, {"User-Agent": ""}, message_limit_bytes=1).outgoing()


def test_bytes_may_come_one_at_a_time() -> None:
    talk = Talk(TARGET, {}, message_limit_bytes=100)
    stream = accept(talk.outgoing()) + frame(1, b"one", fin=False) + frame(9, b"p") + frame(0, b" two") + frame(8)
    arrived: list[Arrived] = []
    for position in range(len(stream)):
        arrived += talk.feed(stream[position : position + 1])
    assert [(item.kind, item.data) for item in arrived] == [
        (FrameKind.PING, b"p"),
        (FrameKind.TEXT, b"one two"),
        (FrameKind.CLOSE, b""),
    ]
    assert talk.close_received == (1005, "")
    assert talk.frames_received == 4


def test_nothing_can_be_said_after_the_close() -> None:
    talk = opened()
    assert talk.close(1000, "")
    assert not talk.close(1001, "")
    with pytest.raises(NotOpen, match="websocket: close sent"):
        talk.say("late")
    talk.ping()
    talk.outgoing()
    assert talk.outgoing() == b""


def test_a_close_frame_inside_a_fragmented_message_still_is_a_close() -> None:
    talk = opened()
    talk.feed(frame(1, b"half", fin=False) + frame(8, b"\x03\xe8bye"))
    assert talk.close_received == (1000, "bye")


def test_endless_empty_fragments_keep_nothing() -> None:
    talk = opened()
    assert talk.feed(frame(2, b"", fin=False) + frame(0, b"", fin=False) * 10_000) == []
    assert talk.failure is None
    assert talk.feed(frame(0, b"end")) == [Arrived(kind=FrameKind.BINARY, data=b"end")]


@given(st.lists(st.binary(max_size=64), max_size=20))
def test_hostile_bytes_end_in_a_failure_text_and_never_in_an_exception(pieces: list[bytes]) -> None:
    talk = opened(limit_bytes=100)
    for piece in pieces:
        if piece and talk.failure is None and talk.close_received is None:
            for arrived in talk.feed(piece):
                assert len(arrived.data) <= 125
    talk.outgoing()
    assert talk.failure is None or talk.failure.startswith("websocket: ")


@given(st.lists(st.binary(max_size=64), min_size=1, max_size=20))
def test_a_hostile_handshake_is_refused_with_a_text(pieces: list[bytes]) -> None:
    talk = Talk(TARGET, {}, message_limit_bytes=100)
    with pytest.raises(NotOpen, match="websocket: bad handshake"):
        for piece in [*(piece for piece in pieces if piece), b""]:
            talk.feed(piece)
            assert not talk.is_open


def test_codes_and_reasons_of_a_close_are_checked() -> None:
    good = {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}
    assert {code for code in range(-1, 70_000) if close_problem(code, "") is None} == good
    assert close_problem(1000, "x" * 123) is None
    assert close_problem(1000, "x" * 124) == "the close reason has 124 bytes: the limit is 123"

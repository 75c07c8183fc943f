from __future__ import annotations

import pytest

from workbench.trace.ring import Ring


def test_the_oldest_items_go_when_there_are_too_many() -> None:
    gone: list[str] = []
    ring: Ring[str] = Ring(max_items=3, max_bytes=1000, on_evict=gone.append)
    assert [ring.append(letter, 1) for letter in "abcde"] == [0, 1, 2, 3, 4]
    assert gone == ["a", "b"]
    assert (ring.first, ring.end, len(ring), ring.total_bytes) == (2, 5, 3, 3)
    assert [ring.get(number) for number in range(-1, 6)] == [None, None, None, "c", "d", "e", None]
    assert list(ring.numbered()) == [(2, "c"), (3, "d"), (4, "e")]


def test_the_oldest_items_go_when_they_weigh_too_much() -> None:
    ring: Ring[str] = Ring(max_items=10, max_bytes=10)
    ring.append("a", 4)
    ring.append("b", 4)
    ring.append("c", 4)
    assert (ring.first, ring.total_bytes) == (1, 8)
    ring.reweigh(2, 7)
    assert (ring.first, ring.total_bytes) == (2, 7)


def test_the_newest_item_stays_even_when_it_is_too_heavy() -> None:
    ring: Ring[str] = Ring(max_items=10, max_bytes=10)
    ring.append("a", 1)
    ring.append("b", 99)
    assert list(ring.numbered()) == [(1, "b")]


def test_weights_of_items_that_are_gone_are_ignored() -> None:
    ring: Ring[str] = Ring(max_items=1, max_bytes=10)
    ring.append("a", 1)
    ring.append("b", 1)
    ring.reweigh(0, 9)
    assert ring.total_bytes == 1


def test_clearing_keeps_the_numbering() -> None:
    ring: Ring[str] = Ring(max_items=5, max_bytes=10)
    ring.append("a", 1)
    ring.clear()
    assert (len(ring), ring.first, ring.total_bytes) == (0, 1, 0)
    assert ring.append("b", 1) == 1


def test_a_ring_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="room for one item"):
        Ring[str](max_items=0, max_bytes=10)

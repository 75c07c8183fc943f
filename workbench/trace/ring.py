"""A bounded sequence whose items keep their number: the oldest go when there are too many or they weigh too much."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class Ring(Generic[ItemT]):
    """Items under absolute, ever growing sequence numbers, bounded by count and by weight.

    The newest item stays even when it alone is too heavy. Not safe for several threads.
    """

    def __init__(self, *, max_items: int, max_bytes: int, on_evict: Callable[[ItemT], None] | None = None) -> None:
        """`on_evict` hears of every item that goes; `ValueError` for bounds that leave no room."""
        if max_items < 1 or max_bytes < 1:
            raise ValueError("a ring needs room for one item at least")
        self.max_items = max_items
        self.max_bytes = max_bytes
        self.first = 0
        """Sequence number of the oldest item; also how many were evicted."""
        self.total_bytes = 0
        self._on_evict = on_evict
        self._items: deque[ItemT] = deque()
        self._weights: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def end(self) -> int:
        """The sequence number that the next item will get."""
        return self.first + len(self._items)

    def append(self, item: ItemT, weight_bytes: int) -> int:
        """Add `item` as the newest and return its sequence number; the oldest may go."""
        self._items.append(item)
        self._weights.append(weight_bytes)
        self.total_bytes += weight_bytes
        self._evict()
        return self.end - 1

    def get(self, sequence: int) -> ItemT | None:
        """The item with this number, or None when it is gone or not there yet."""
        position = sequence - self.first
        return self._items[position] if 0 <= position < len(self._items) else None

    def reweigh(self, sequence: int, weight_bytes: int) -> None:
        """Correct the weight of an item that has grown; the oldest may go. Unknown numbers are ignored."""
        position = sequence - self.first
        if 0 <= position < len(self._weights):
            self.total_bytes += weight_bytes - self._weights[position]
            self._weights[position] = weight_bytes
            self._evict()

    def clear(self) -> None:
        """Drop everything without asking `on_evict`; the numbering goes on."""
        self.first = self.end
        self._items.clear()
        self._weights.clear()
        self.total_bytes = 0

    def newest_first(self) -> Iterator[tuple[int, ItemT]]:
        """Walk from the newest item back; the ring must not change meanwhile."""
        for distance, item in enumerate(reversed(self._items), start=1):
            yield self.end - distance, item

    def numbered(self) -> Iterator[tuple[int, ItemT]]:
        """Walk from the oldest item on; the ring must not change meanwhile."""
        return enumerate(self._items, start=self.first)

    def _evict(self) -> None:
        while len(self._items) > 1 and (len(self._items) > self.max_items or self.total_bytes > self.max_bytes):
            item = self._items.popleft()
            self.total_bytes -= self._weights.popleft()
            self.first += 1
            if self._on_evict is not None:
                self._on_evict(item)

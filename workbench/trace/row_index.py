"""Which rows a list shows, in order: a sorted array of row keys beside the data.

A key names a row for ever, so a cursor or a selection is a key and stays on its row while others come and go.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence


class RowIndex:
    """Ascending row keys, 8 bytes each. Not safe for several threads."""

    def __init__(self) -> None:
        self._keys: array[int] = array("q")
        self.removed_before = 0
        """How many rows have left at the front; `removed_before + position` numbers a row for ever."""
        self.version = 0
        """Grows with every change."""

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, position: int) -> int:
        return self._keys[position]

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys)

    def __contains__(self, key: int) -> bool:
        position = bisect_left(self._keys, key)
        return position < len(self._keys) and self._keys[position] == key

    @property
    def last(self) -> int | None:
        """The newest key, or None of an empty index."""
        return self._keys[-1] if self._keys else None

    def position(self, key: int) -> int:
        """Where `key` stands, or where it would stand."""
        return bisect_left(self._keys, key)

    def nearest(self, key: int) -> int | None:
        """`key` itself when it is here, else the next newer key, else the newest; None of an empty index."""
        if not self._keys:
            return None
        return self._keys[min(bisect_left(self._keys, key), len(self._keys) - 1)]

    def append(self, key: int) -> None:
        """Add a key that is greater than all others; `ValueError` otherwise."""
        if self._keys and key <= self._keys[-1]:
            raise ValueError("row keys are appended in ascending order")
        self._keys.append(key)
        self.version += 1

    def replace(self, low: int, high: int, keys: Sequence[int]) -> None:
        """Put `keys` (ascending, within `low` to `high`) in the place of every key from `low` up to but not `high`."""
        start = bisect_left(self._keys, low)
        stop = bisect_left(self._keys, high, start)
        self._keys[start:stop] = array("q", keys)
        self.version += 1

    def remove_before(self, key: int) -> int:
        """Drop every key smaller than `key`; returns how many went."""
        count = bisect_left(self._keys, key)
        if count:
            del self._keys[:count]
            self.removed_before += count
            self.version += 1
        return count

    def reset(self, keys: Iterable[int] = ()) -> None:
        """Start over with `keys`, which are ascending; row numbers start over as well."""
        self._keys = array("q", keys)
        self.removed_before = 0
        self.version += 1

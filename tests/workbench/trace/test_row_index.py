from __future__ import annotations

import pytest

from workbench.trace.row_index import RowIndex


def index_of(*keys: int) -> RowIndex:
    index = RowIndex()
    index.reset(keys)
    return index


def test_keys_are_appended_in_order_only() -> None:
    index = index_of(1, 5)
    index.append(9)
    assert list(index) == [1, 5, 9]
    with pytest.raises(ValueError, match="ascending"):
        index.append(9)


def test_a_range_of_keys_is_replaced_in_place() -> None:
    index = index_of(10, 20, 21, 30)
    index.replace(20, 30, [20, 22, 23])
    assert list(index) == [10, 20, 22, 23, 30]
    index.replace(20, 30, [])
    assert list(index) == [10, 30]
    index.replace(40, 50, [40])
    assert list(index) == [10, 30, 40]
    assert index.removed_before == 0


def test_keys_that_leave_at_the_front_are_counted() -> None:
    index = index_of(1, 2, 3, 4)
    assert index.remove_before(3) == 2
    assert index.remove_before(3) == 0
    assert (list(index), index.removed_before) == ([3, 4], 2)


def test_positions_and_neighbours() -> None:
    index = index_of(10, 20, 30)
    assert [index.position(key) for key in (5, 10, 15, 31)] == [0, 0, 1, 3]
    assert [index.nearest(key) for key in (10, 11, 99)] == [10, 20, 30]
    assert 20 in index
    assert 21 not in index
    assert index.last == 30
    assert (RowIndex().nearest(1), RowIndex().last) == (None, None)


def test_every_change_shows_in_the_version() -> None:
    index = RowIndex()
    seen = {index.version}
    index.append(1)
    seen.add(index.version)
    index.replace(1, 2, [])
    seen.add(index.version)
    index.reset([5, 6])
    seen.add(index.version)
    index.remove_before(6)
    seen.add(index.version)
    assert len(seen) == 5

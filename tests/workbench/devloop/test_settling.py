"""When a value that keeps changing is taken as final."""

from __future__ import annotations

from workbench.devloop.settling import Settler


def test_a_new_value_is_acted_on_once_it_has_been_the_same_for_long_enough() -> None:
    settler = Settler("old", settle_ns=300)
    assert not settler.observe("old", 0)
    assert not settler.observe("new", 1000)
    assert settler.due_ns == 1300
    assert not settler.observe("new", 1299)
    assert settler.observe("new", 1300)
    settler.accept("new")
    assert not settler.observe("new", 2000)


def test_nothing_is_due_before_the_first_change_and_after_the_last() -> None:
    settler = Settler("old", settle_ns=300)
    assert settler.due_ns is None
    settler.observe("new", 0)
    settler.accept("new")
    assert Settler("new", settle_ns=300).due_ns == settler.due_ns


def test_each_change_begins_the_wait_anew() -> None:
    settler = Settler(0, settle_ns=300)
    settler.observe(1, 1000)
    assert not settler.observe(2, 1300)
    assert not settler.observe(2, 1500)
    assert settler.observe(2, 1600)


def test_a_value_that_goes_back_to_what_it_was_needs_nothing() -> None:
    settler = Settler("old", settle_ns=300)
    settler.observe("new", 1000)
    assert not settler.observe("old", 1100)
    assert not settler.observe("old", 5000)
    assert settler.due_ns is None


def test_a_value_not_accepted_stays_due() -> None:
    settler = Settler("old", settle_ns=300)
    settler.observe("new", 0)
    assert settler.observe("new", 300)
    assert settler.observe("new", 400)

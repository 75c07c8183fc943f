"""What one instance perceives: the engine's time, a seed's chance, or the released host's habits."""

from __future__ import annotations

import threading

from engine.clock import SystemClock, VirtualClock
from engine.settings import Fidelity
from engine.wasm.senses import World


def released(seed: int | None = None) -> World:
    return World(clock=VirtualClock(), seed=seed, fidelity=Fidelity.NAVIDROME)


def test_time_is_the_engines_and_a_sleep_lasts_as_long_as_its_clock_says() -> None:
    clock = VirtualClock(start_ns=5_000)
    senses = World(clock=clock).senses()
    assert not senses.sleep(threading.Event(), 3600)
    assert senses.wall_ns() == 5_000 + 3_600 * 10**9
    assert senses.monotonic_ns() == clock.monotonic_ns()


def test_randomness_is_left_to_the_system_unless_somebody_asks_for_a_certain_one() -> None:
    assert not World(clock=VirtualClock()).decides_chance
    assert World(clock=VirtualClock(), seed=0).decides_chance
    assert released().decides_chance


def test_time_is_left_to_the_system_while_the_clock_is_the_machines() -> None:
    assert not World(clock=SystemClock()).decides_time
    assert World(clock=SystemClock(wall_ns=lambda: 0)).decides_time
    assert World(clock=VirtualClock()).decides_time
    assert released().decides_time


def test_a_seed_gives_every_instance_the_same_bytes_however_they_are_asked_for() -> None:
    world = World(clock=VirtualClock(), seed=7)
    first, second, other = world.senses(), world.senses(), World(clock=VirtualClock(), seed=8).senses()
    drawn = [first.random_bytes(16), first.random_bytes(16)]
    assert [second.random_bytes(16), second.random_bytes(16)] == drawn
    assert drawn[0] != drawn[1]
    assert other.random_bytes(16) != drawn[0]


def test_the_released_clocks_begin_anew_in_each_instance_and_move_by_being_read() -> None:
    for senses in (released().senses(), released().senses()):
        assert [senses.wall_ns() for _ in range(3)] == [1_640_995_200_000_000_000 + step * 10**6 for step in range(3)]
        assert [senses.monotonic_ns() for _ in range(3)] == [0, 10**6, 2 * 10**6]


def test_a_released_sleep_takes_no_time_on_any_clock_and_still_ends_a_stopped_call() -> None:
    clock = VirtualClock()
    before = clock.now_ns()
    senses = World(clock=clock, fidelity=Fidelity.NAVIDROME).senses()
    stop = threading.Event()
    assert not senses.sleep(stop, 3600)
    assert clock.now_ns() == before
    stop.set()
    assert senses.sleep(stop, 3600)


def test_released_chance_is_one_fixed_sequence_unless_a_seed_is_given() -> None:
    fixed = released().senses().random_bytes(32)
    assert released().senses().random_bytes(32) == fixed
    assert released(seed=7).senses().random_bytes(32) == World(clock=VirtualClock(), seed=7).senses().random_bytes(32)


def test_only_the_released_host_drops_stdout() -> None:
    assert World(clock=VirtualClock()).senses().keeps_stdout
    assert not released().senses().keeps_stdout

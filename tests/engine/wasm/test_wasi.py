"""What the sandbox offers of WASI: output, time, chance; no files, environment, arguments or sockets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine import CallResult, Outcome, VirtualClock
from tests.engine.guests import CLOCK_TIME_GET, FD_WRITE, POLL_ONEOFF, plugin_wat, sleep, write_stderr
from tests.engine.harness import PluginHarness
from tests.engine.telling import MBID, METHOD, telling_wat, told

pytestmark = pytest.mark.both_paths

BAD_DESCRIPTOR, BAD_POINTER = 8, 21
pytestmark = pytest.mark.both_paths

RANDOM_GET = '(import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))'


def wasi(name: str, params: str) -> str:
    return f'(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {params}) (result i32)))'


def number(expression: str) -> str:
    return f"(i64.extend_i32_u {expression})"


async def call(harness: PluginHarness, wat: str) -> CallResult:
    harness.write(wat)
    async with harness.engine() as engine:
        return await engine.call("probe", METHOD)


@pytest.mark.parametrize("name", ["environ_sizes_get", "args_sizes_get"])
async def test_there_is_no_environment_and_there_are_no_arguments(harness: PluginHarness, name: str) -> None:
    sizes = "(i64.extend_i32_u (i32.add (i32.load (i32.const 3000)) (i32.load (i32.const 3004))))"
    wat = telling_wat(
        [number(f"(call ${name} (i32.const 3000) (i32.const 3004))"), sizes], imports=wasi(name, "i32 i32")
    )
    assert told(await call(harness, wat)) == [0, 0]


@pytest.mark.parametrize("descriptor", [0, 1, 2, 3, 4, 100])
async def test_no_folder_is_open(harness: PluginHarness, descriptor: int) -> None:
    got = number(f"(call $fd_prestat_get (i32.const {descriptor}) (i32.const 3000))")
    wat = telling_wat([got], imports=wasi("fd_prestat_get", "i32 i32"))
    (errno,) = told(await call(harness, wat))
    assert errno != 0


@pytest.mark.parametrize("descriptor", [0, 1, 2, 3, 4, -1])
async def test_no_file_can_be_opened(harness: PluginHarness, descriptor: int) -> None:
    got = number(
        f"(call $path_open (i32.const {descriptor}) (i32.const 0) (i32.const 2000) (i32.const 11) (i32.const 0)"
        " (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 3000))"
    )
    wat = telling_wat(
        [got],
        imports=wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
        fields='(data (i32.const 2000) "/etc/passwd")',
    )
    (errno,) = told(await call(harness, wat))
    assert errno != 0


@pytest.mark.parametrize(
    ("name", "params", "arguments"),
    [
        ("sock_accept", "i32 i32 i32", "(i32.const 0) (i32.const 3000)"),
        (
            "sock_recv",
            "i32 i32 i32 i32 i32 i32",
            "(i32.const 2000) (i32.const 1) (i32.const 0) (i32.const 3000) (i32.const 3004)",
        ),
        ("sock_send", "i32 i32 i32 i32 i32", "(i32.const 2000) (i32.const 1) (i32.const 0) (i32.const 3000)"),
        ("sock_shutdown", "i32 i32", "(i32.const 3)"),
    ],
)
async def test_there_are_no_sockets(harness: PluginHarness, name: str, params: str, arguments: str) -> None:
    numbers = [number(f"(call ${name} (i32.const {descriptor}) {arguments})") for descriptor in (0, 2, 3, 50)]
    result = await call(harness, telling_wat(numbers, imports=wasi(name, params)))
    assert all(told(result)) if result.ok else result.outcome is Outcome.TRAP


async def test_standard_input_is_at_its_end(harness: PluginHarness) -> None:
    read = number("(call $fd_read (i32.const 0) (i32.const 2000) (i32.const 1) (i32.const 3000))")
    wat = telling_wat(
        [read, "(i64.load32_u (i32.const 3000))"],
        imports=wasi("fd_read", "i32 i32 i32 i32"),
        fields='(data (i32.const 2000) "\\00\\0c\\00\\00\\10\\00\\00\\00")',
    )
    assert told(await call(harness, wat)) == [0, 0]


async def test_output_goes_to_the_two_streams_only(harness: PluginHarness) -> None:
    says = [write_stderr(b"line\n", at=4096 + 64 * place, descriptor=place) for place in range(5)]
    numbers = [
        number(f"(call $fd_write (i32.const {place}) (i32.const {4080 + 64 * place}) (i32.const 1) (i32.const 3000))")
        for place in range(5)
    ]
    result = await call(harness, telling_wat(numbers, imports=FD_WRITE, fields=" ".join(data for _, data in says)))
    assert told(result) == [BAD_DESCRIPTOR, 0, 0, BAD_DESCRIPTOR, BAD_DESCRIPTOR]
    assert [line.stream for line in result.logs] == ["stdout", "stderr"]


# --- time

WALL, MONOTONIC = 0, 1


def read_clock(clock_id: int, place: int) -> str:
    return f"(drop (call $clock_time_get (i32.const {clock_id}) (i64.const 0) (i32.const {place})))"


async def test_a_virtual_clock_is_what_the_guest_reads_before_and_after_a_sleep(harness: PluginHarness) -> None:
    nap, data = sleep(3600, at=3500)
    readings = [(WALL, 3000), (MONOTONIC, 3008)]
    before = " ".join(read_clock(*reading) for reading in readings)
    after = " ".join(read_clock(clock_id, place + 16) for clock_id, place in readings)
    numbers = [f"(i64.load (i32.const {3000 + 8 * place}))" for place in range(4)]
    wat = telling_wat(numbers, imports=CLOCK_TIME_GET + POLL_ONEOFF, before=f"{before} {nap} {after}", fields=data)
    harness.write(wat)
    year_2100_ns = 4_102_444_800 * 10**9
    async with harness.engine(clock=VirtualClock(start_ns=year_2100_ns)) as engine:
        wall, monotonic, later_wall, later_monotonic = told(await engine.call("probe", METHOD))
    assert wall == year_2100_ns
    assert later_wall - wall == later_monotonic - monotonic == 3600 * 10**9


@pytest.mark.parametrize("clock_id", [WALL, MONOTONIC])
async def test_a_sleep_until_a_time_that_the_guest_computed_ends_then(harness: PluginHarness, clock_id: int) -> None:
    # A subscription at 3500: clock, deadline and the flag for an absolute one are filled in by the guest.
    until = f"""{read_clock(clock_id, 3000)}
      (i32.store (i32.const 3516) (i32.const {clock_id})) (i32.store16 (i32.const 3540) (i32.const 1))
      (i64.store (i32.const 3524) (i64.add (i64.load (i32.const 3000)) (i64.const 50000000)))
      (drop (call $poll_oneoff (i32.const 3500) (i32.const 3600) (i32.const 1) (i32.const 3700)))
      {read_clock(clock_id, 3008)}"""
    slept = "(i64.sub (i64.load (i32.const 3008)) (i64.load (i32.const 3000)))"
    harness.write(telling_wat([slept], imports=CLOCK_TIME_GET + POLL_ONEOFF, before=until))
    async with harness.engine() as engine:
        (slept_ns,) = told(await engine.call("probe", METHOD, timeout_s=5))
    assert slept_ns >= 50_000_000


# --- chance

DRAWN = [
    number("(call $random_get (i32.const 3000) (i32.const 8))"),
    "(i64.load (i32.const 3000))",
    number("(call $random_get (i32.const 3000) (i32.const 8))"),
    "(i64.load (i32.const 3000))",
]


async def draw(harness: PluginHarness, calls: int) -> list[list[int]]:
    harness.write(telling_wat(DRAWN, imports=RANDOM_GET))
    async with harness.engine() as engine:
        return [told(await engine.call("probe", METHOD)) for _ in range(calls)]


def with_seed(harness: PluginHarness, seed: int) -> None:
    harness.settings = replace(harness.settings, workbench=replace(harness.settings.workbench, seed=seed))


async def test_chance_differs_from_call_to_call(harness: PluginHarness) -> None:
    drawn = await draw(harness, 3)
    assert [numbers[::2] for numbers in drawn] == [[0, 0]] * 3
    assert len({value for numbers in drawn for value in numbers[1::2]}) == 6


async def test_with_a_seed_every_instance_draws_the_same(harness: PluginHarness) -> None:
    with_seed(harness, 11)
    first, second = await draw(harness, 2)
    assert first == second
    assert first[1] != first[3]
    with_seed(harness, 12)
    assert (await draw(harness, 1))[0] != first


async def test_a_draw_of_many_bytes_fills_them_all_and_nothing_beyond(harness: PluginHarness) -> None:
    with_seed(harness, 11)
    size = 150_000
    begin = 70_000
    numbers = [
        number(f"(call $random_get (i32.const {begin}) (i32.const {size}))"),
        f"(i64.load (i32.const {begin}))",
        f"(i64.load (i32.const {begin + size - 8}))",
        f"(i64.load (i32.const {begin + size}))",
    ]
    errno, head, end, beyond = told(await call(harness, telling_wat(numbers, imports=RANDOM_GET)))
    assert (errno, beyond) == (0, 0)
    assert head != 0
    assert end != 0


@pytest.mark.parametrize(("pointer", "length"), [(262_140, 8), (-8, 8), (0, -1), (-1, -1)])
async def test_a_draw_beyond_memory_is_refused_before_anything_is_drawn(
    harness: PluginHarness, pointer: int, length: int
) -> None:
    with_seed(harness, 11)
    numbers = [
        number(f"(call $random_get (i32.const {pointer}) (i32.const {length}))"),
        "(i64.load (i32.const 262136))",
    ]
    assert told(await call(harness, telling_wat(numbers, imports=RANDOM_GET))) == [BAD_POINTER, 0]


async def test_a_draw_of_nothing_is_allowed_anywhere(harness: PluginHarness) -> None:
    with_seed(harness, 11)
    wat = telling_wat([number("(call $random_get (i32.const -1) (i32.const 0))")], imports=RANDOM_GET)
    assert told(await call(harness, wat)) == [0]


async def test_an_endless_draw_ends_at_the_time_limit(harness: PluginHarness) -> None:
    with_seed(harness, 11)
    loop = "(loop $l (drop (call $random_get (i32.const 65536) (i32.const 190000))) (br $l)) (i64.const 0)"
    harness.write(plugin_wat({MBID: loop}, imports=RANDOM_GET))
    async with harness.engine() as engine:
        assert (await engine.call("probe", METHOD, timeout_s=0.1)).outcome is Outcome.TIMEOUT

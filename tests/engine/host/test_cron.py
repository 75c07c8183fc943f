"""Recurring schedules: the grammar, the next times against a slow count, and changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.host.cron import CronError, CronField, CronSchedule, parse_cron

NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
START = datetime(2026, 3, 10, 10, 7, 30, tzinfo=UTC)


def due(text: str, start: str, count: int, zone: tzinfo = UTC) -> list[str]:
    """The next `count` times, as the clocks of `zone` show them."""
    schedule = parse_cron(text, zone)
    moment = datetime.fromisoformat(start)
    times = []
    for _ in range(count):
        found = schedule.next_after(moment)
        assert found is not None
        assert found.tzinfo is UTC
        moment = found
        times.append(moment.astimezone(zone).isoformat())
    return times


def field(text: str, position: int) -> CronField:
    """One field of a schedule: 0 is the second, 5 the day of the week."""
    parts = ["0", "*", "*", "*", "*", "*"]
    parts[position] = text
    return parse_cron(" ".join(parts), UTC).fields[position]


@pytest.mark.parametrize(
    ("text", "position", "values", "is_any"),
    [
        ("*", 1, range(60), True),
        ("?", 3, range(1, 32), True),
        ("*/1", 3, range(1, 32), True),
        ("*/2", 3, range(1, 32, 2), False),
        ("*/100", 1, [0], False),
        ("7", 1, [7], False),
        ("07", 1, [7], False),
        ("+7", 1, [7], False),
        ("5-8", 2, [5, 6, 7, 8], False),
        ("5-12/3", 2, [5, 8, 11], False),
        ("50/4", 1, [50, 54, 58], False),
        ("1,,3,", 1, [1, 3], False),
        ("3,1,2-4", 1, [1, 2, 3, 4], False),
        ("*,5", 3, range(1, 32), True),
        ("*-7", 1, range(60), True),
        ("1-31", 3, range(1, 32), False),
        ("jan,MAR-May", 4, [1, 3, 4, 5], False),
        ("Nov/1", 4, [11, 12], False),
        ("sun,FRI-SAT", 5, [0, 5, 6], False),
        ("0-59/30", 0, [0, 30], False),
    ],
)
def test_a_field_is_expanded_to_plain_numbers(text: str, position: int, values: list[int], is_any: bool) -> None:
    assert field(text, position) == CronField(values=tuple(values), is_any=is_any)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "expected five fields, or six with seconds first, found 0"),
        ("* * * *", "expected five fields, or six with seconds first, found 4"),
        ("* * * * * * *", "expected five fields, or six with seconds first, found 7"),
        (" @daily", "expected five fields, or six with seconds first, found 1"),
        ("@daily ", "unknown shorthand @daily"),
        ("@Daily", "unknown shorthand @Daily"),
        ("@reboot", "unknown shorthand @reboot"),
        ("@every", "unknown shorthand @every"),
        ("@every  5s", '" 5s" is not a duration such as 90s, 1h30m or 500ms'),
        ("@every 5", '"5" is not a duration such as 90s, 1h30m or 500ms'),
        (", * * * *", "the minute field is empty"),
        ("1/2/3 * * * *", 'too many slashes in "1/2/3"'),
        ("1-2-3 * * * *", 'too many hyphens in "1-2-3"'),
        ("-5 * * * *", '"" is not a value of the minute field'),
        ("5- * * * *", '"" is not a value of the minute field'),
        ("1.5 * * * *", '"1.5" is not a value of the minute field'),
        ("１ * * * *", '"１" is not a value of the minute field'),
        ("jan * * * *", '"jan" is not a value of the minute field'),
        ("* * L * *", '"L" is not a value of the day of month field'),
        ("* * 15W * *", '"15W" is not a value of the day of month field'),
        ("* * * * 1#2", '"1#2" is not a value of the day of week field'),
        ("* * * * */SUN", '"SUN" is not a value of the day of week field'),
        ("* * * * 7", '"7" is outside 0-6, the range of the day of week field'),
        ("60 * * * * *", '"60" is outside 0-59, the range of the second field'),
        ("*/0 * * * *", 'the step of "*/0" must be positive'),
        ("*/-1 * * * *", '"-1" is not a value of the minute field'),
        ("5-1 * * * *", '"5-1" ends before it begins'),
        ("TZ= * * * * *", 'unknown time zone ""'),
        ("TZ=Nowhere/City * * * * *", 'unknown time zone "Nowhere/City"'),
        ("TZ=../../etc/passwd * * * * *", 'unknown time zone "../../etc/passwd"'),
        ("TZ=/etc/localtime * * * * *", 'unknown time zone "/etc/localtime"'),
        ("TZ=Europe * * * * *", 'unknown time zone "Europe"'),
        ("CRON_TZ=Europe/Lisbon", "a blank and the fields must follow the time zone"),
        ("1," * 600 + " * * * *", "the text is longer than 1000 characters"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_cause(text: str, cause: str) -> None:
    with pytest.raises(CronError) as caught:
        parse_cron(text, UTC)
    assert caught.value.summary.startswith(cause)
    assert caught.value.hint


@settings(deadline=None)
@given(st.text("0123456789*/,-?@ MONjan", max_size=30) | st.text(max_size=30))
@example("TZ=\x00 * * * * *")
def test_any_text_is_a_schedule_or_a_cron_error(text: str) -> None:
    try:
        schedule = parse_cron(text, UTC)
    except CronError:
        return
    found = schedule.next_after(START)
    assert found is None or found > START


@pytest.mark.parametrize(
    ("text", "interval_s"),
    [("1h30m", 5400), ("41s", 41), ("1.9s", 1), ("500ms", 1), ("0s", 1), ("-1h", 1), ("2562047h", 2562047 * 3600)],
)
def test_an_interval_is_whole_seconds_and_at_least_one(text: str, interval_s: int) -> None:
    schedule = parse_cron(f"@every {text}", UTC)
    assert schedule.interval_s == interval_s
    assert schedule.next_after(START + timedelta(microseconds=5)) == START + timedelta(seconds=interval_s)


def test_the_local_zone_is_the_callers_and_can_be_named() -> None:
    for text in ("0 6 * * *", "TZ=Local 0 6 * * *", "CRON_TZ=America/New_York 0 6 * * *"):
        assert due(text, "2026-01-10T00:00:00+00:00", 1, NEW_YORK) == ["2026-01-10T06:00:00-05:00"]
    assert due("TZ=UTC @daily", "2026-01-10T00:00:00-05:00", 1, NEW_YORK) == ["2026-01-10T19:00:00-05:00"]


def test_both_days_restricted_means_that_either_suffices() -> None:
    assert due("0 0 13 * 5", "2026-03-10T00:00:00+00:00", 3) == [
        "2026-03-13T00:00:00+00:00",
        "2026-03-20T00:00:00+00:00",
        "2026-03-27T00:00:00+00:00",
    ]
    for text in ("0 0 1-31 * MON", "0 0 13 * 0-6", "0 0 * * *"):
        assert due(text, "2026-03-10T00:00:00+00:00", 2) == ["2026-03-11T00:00:00+00:00", "2026-03-12T00:00:00+00:00"]
    assert due("0 0 * * MON", "2026-03-10T00:00:00+00:00", 1) == ["2026-03-16T00:00:00+00:00"]


def test_a_day_that_never_comes_is_never_due() -> None:
    assert parse_cron("0 0 30 2 *", UTC).next_after(START) is None


def test_a_leap_day_is_found_over_a_century() -> None:
    assert due("0 0 29 2 *", "2096-03-01T00:00:00+00:00", 1) == ["2104-02-29T00:00:00+00:00"]


def test_a_time_in_a_gap_of_the_clock_does_not_run() -> None:
    assert due("30 2 * * *", "2012-03-10T12:00:00-05:00", 2, NEW_YORK) == [
        "2012-03-12T02:30:00-04:00",
        "2012-03-13T02:30:00-04:00",
    ]
    assert due("0 * * * *", "2012-03-11T00:30:00-05:00", 3, NEW_YORK) == [
        "2012-03-11T01:00:00-05:00",
        "2012-03-11T03:00:00-04:00",
        "2012-03-11T04:00:00-04:00",
    ]


def test_a_time_that_the_clock_shows_twice_runs_twice() -> None:
    assert due("0 0 1 * * *", "2012-11-04T00:00:00-04:00", 3, NEW_YORK) == [
        "2012-11-04T01:00:00-04:00",
        "2012-11-04T01:00:00-05:00",
        "2012-11-05T01:00:00-05:00",
    ]
    assert due("45 1 * * *", "2026-04-04T12:00:00+11:00", 3, LORD_HOWE) == [
        "2026-04-05T01:45:00+11:00",
        "2026-04-05T01:45:00+10:30",
        "2026-04-06T01:45:00+10:30",
    ]


def test_a_yearly_time_is_found_across_the_changes_between() -> None:
    assert due("0 0 1 7 *", "2026-07-02T00:00:00-04:00", 2, NEW_YORK) == [
        "2027-07-01T00:00:00-04:00",
        "2028-07-01T00:00:00-04:00",
    ]


FIELDS = st.sampled_from(["*", "*/7", "3", "1-2", "0", "5/11", "1,20", "?"])


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(
        FIELDS, FIELDS, st.sampled_from(["*", "8", "1-31", "*/2"]), st.just("*"), st.sampled_from(["*", "0", "1-5"])
    ),
    st.sampled_from(
        [(NEW_YORK, "2026-03-08T00:00:00"), (NEW_YORK, "2026-11-01T00:00:00"), (LORD_HOWE, "2026-04-05T00:00:00")]
    ),
    st.integers(0, 36 * 60),
)
def test_the_next_time_is_the_first_that_a_slow_count_finds(
    parts: tuple[str, ...], place: tuple[ZoneInfo, str], minutes: int
) -> None:
    zone, day = place
    schedule = parse_cron(" ".join(parts), zone)
    start = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC) + timedelta(minutes=minutes)
    candidates = (start + timedelta(minutes=step) for step in range(1, 3 * 24 * 60))
    expected = next((moment for moment in candidates if fits(schedule, moment)), None)
    found = schedule.next_after(start)
    if expected is None:
        assert found is None or found >= start + timedelta(days=3)
    else:
        assert found == expected


def fits(schedule: CronSchedule, moment: datetime) -> bool:
    """Whether the clock shows a due time at `moment`, a whole minute; written independently of the search."""
    clock = moment.astimezone(schedule.zone)
    _, minute, hour, day, month, weekday = schedule.fields
    is_day = clock.day in day.values
    is_weekday = clock.isoweekday() % 7 in weekday.values
    is_either = is_day or is_weekday
    is_right_day = (is_day and is_weekday) if day.is_any or weekday.is_any else is_either
    return clock.minute in minute.values and clock.hour in hour.values and clock.month in month.values and is_right_day

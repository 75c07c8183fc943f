"""The texts of recurring schedules: what they mean, and when they are due next (spec behaviour section 7).

A text is validated and expanded to plain lists of numbers here; croniter finds the next match of those lists in
clock time, and this module turns clock time into instants across changes of the zone's offset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from engine.errors import HostServiceError
from engine.quantities import parse_duration

TEXT_LIMIT_CHARACTERS = 1000

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = "@every "
_ZONE_PREFIXES = ("TZ=", "CRON_TZ=")
_NUMBER = re.compile(r"\+?[0-9]{1,9}")
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


class CronError(HostServiceError):
    """The text is no schedule; the summary is the cause that follows `failed to schedule recurring job: `."""


@dataclass(frozen=True, slots=True)
class _FieldRule:
    name: str
    low: int
    high: int
    names: Mapping[str, int]


_SECONDS = _FieldRule("second", 0, 59, {})
_FIELDS = (
    _FieldRule("minute", 0, 59, {}),
    _FieldRule("hour", 0, 23, {}),
    _FieldRule("day of month", 1, 31, {}),
    _FieldRule("month", 1, 12, {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}),
    _FieldRule("day of week", 0, 6, {name: number for number, name in enumerate(_WEEKDAY_NAMES)}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CronField:
    """One field, expanded; `is_any` when a `*` or `?` without a step stands in it."""

    values: tuple[int, ...]
    is_any: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CronSchedule:
    """A schedule that was understood: either six fields of clock time in a zone, or a fixed interval."""

    text: str
    zone: tzinfo
    fields: tuple[CronField, ...] = ()
    """Second, minute, hour, day of month, month, day of week; empty for `@every`."""
    interval_s: int = 0
    """Of `@every`, else 0."""

    def next_after(self, moment: datetime) -> datetime | None:
        """The first instant after `moment` (aware) at which it is due, in UTC; None when there is none in sight.

        A clock time that a change of the offset leaves out does not run; one that happens twice runs twice.
        """
        start = moment.astimezone(UTC).replace(microsecond=0)
        if self.interval_s:
            return start + timedelta(seconds=self.interval_s)
        offset = self._offset(start)
        while True:
            clock_time = self._next_clock_time(start + offset)
            if clock_time is None:
                return None
            candidate = clock_time - offset
            change = self._offset_change(start, candidate, offset)
            if change is None:
                return candidate
            start, offset = change - _SECOND, self._offset(change)

    def _next_clock_time(self, after: datetime) -> datetime | None:
        """The next time on a clock that never changes, as UTC."""
        second, minute, hour, day, month, weekday = self.fields
        days, weekdays = _text(day), _text(weekday)
        if not (day.is_any or weekday.is_any) and (len(day.values) == 31 or len(weekday.values) == 7):
            days = weekdays = "*"  # either suffices, and one of them always holds
        expression = " ".join((_text(minute), _text(hour), days, _text(month), weekdays, _text(second)))
        try:
            found = croniter(expression, after, day_or=True).get_next(datetime)
        except (CroniterBadDateError, OverflowError, ValueError):
            return None
        assert isinstance(found, datetime)
        return found

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self.zone).utcoffset() or timedelta()

    def _offset_change(self, start: datetime, end: datetime, offset: timedelta) -> datetime | None:
        """The first second after `start`, up to `end`, at which the zone's offset is not `offset` any more."""
        before = start
        while before < end:
            after = min(before + _DAY, end)
            if self._offset(after) != offset:
                return self._bisected(before, after, offset)
            before = after
        return None

    def _bisected(self, before: datetime, after: datetime, offset: timedelta) -> datetime:
        while after - before > _SECOND:
            middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
            if self._offset(middle) == offset:
                before = middle
            else:
                after = middle
        return after


def parse_cron(text: str, local: tzinfo) -> CronSchedule:
    """Understand the text of a recurring schedule; `local` is the zone where it names none. Raises `CronError`.

    Five fields, or six with seconds first; `@hourly` and its like; `@every <duration>`; a prefix `TZ=<zone> `.
    """
    if len(text) > TEXT_LIMIT_CHARACTERS:
        raise _error(f"the text is longer than {TEXT_LIMIT_CHARACTERS} characters")
    zone, rest = _split_zone(text, local)
    if rest.startswith(_EVERY):
        return CronSchedule(text=text, zone=zone, interval_s=_interval(rest[len(_EVERY) :]))
    if rest.startswith("@") and rest not in _SHORTHANDS:
        raise _error(f"unknown shorthand {rest[:40]}")
    parts = _SHORTHANDS.get(rest, rest).split()
    if len(parts) not in (5, 6):
        raise _error(f"expected five fields, or six with seconds first, found {len(parts)}")
    rules = _FIELDS if len(parts) == 5 else (_SECONDS, *_FIELDS)
    fields = [_field(part, rule) for part, rule in zip(parts, rules, strict=True)]
    if len(parts) == 5:
        fields.insert(0, CronField(values=(0,), is_any=False))
    return CronSchedule(text=text, zone=zone, fields=tuple(fields))


def _split_zone(text: str, local: tzinfo) -> tuple[tzinfo, str]:
    if not text.startswith(_ZONE_PREFIXES):
        return local, text
    prefix, blank, rest = text.partition(" ")
    if not blank:
        raise _error("a blank and the fields must follow the time zone")
    name = prefix.partition("=")[2]
    if name == "Local":
        return local, rest.strip()
    try:
        return ZoneInfo(name), rest.strip()
    except (LookupError, OSError, ValueError):
        raise _error(f'unknown time zone "{name[:40]}"') from None


def _interval(text: str) -> int:
    """Whole seconds, at least one, as Navidrome rounds them."""
    try:
        return max(1, parse_duration(text) // 1_000_000_000)
    except ValueError as error:
        raise _error(str(error)) from None


def _field(text: str, rule: _FieldRule) -> CronField:
    """A field is a list of ranges; empty items of the list are skipped, but not all of them."""
    items = [item for item in text.split(",") if item]
    if not items:
        raise _error(f"the {rule.name} field is empty")
    values: set[int] = set()
    is_any = False
    for item in items:
        numbers, is_star = _range(item, rule)
        values.update(numbers)
        is_any = is_any or is_star
    return CronField(values=tuple(sorted(values)), is_any=is_any)


def _range(item: str, rule: _FieldRule) -> tuple[range, bool]:
    """The numbers of `*`, `N`, `N-M`, each with or without `/step`, and whether it stands for any value.

    `N/step` runs to the maximum. What follows a star up to the step is ignored, as in Navidrome.
    """
    bounds, *steps = item.split("/")
    if len(steps) > 1:
        raise _error(f'too many slashes in "{item[:40]}"')
    first, *rest = bounds.split("-")
    is_star = first in ("*", "?")
    if is_star:
        low, high = rule.low, rule.high
    else:
        if len(rest) > 1:
            raise _error(f'too many hyphens in "{item[:40]}"')
        low = _number(first, rule, rule.names)
        high = _number(rest[0], rule, rule.names) if rest else rule.high if steps else low
    step = _number(steps[0], rule, {}) if steps else 1
    if low < rule.low or high > rule.high:
        raise _error(f'"{item[:40]}" is outside {rule.low}-{rule.high}, the range of the {rule.name} field')
    if low > high:
        raise _error(f'"{item[:40]}" ends before it begins')
    if step == 0:
        raise _error(f'the step of "{item[:40]}" must be positive')
    return range(low, high + 1, step), is_star and step == 1


def _number(text: str, rule: _FieldRule, names: Mapping[str, int]) -> int:
    named = names.get(text.lower())
    if named is not None:
        return named
    if not _NUMBER.fullmatch(text):
        raise _error(f'"{text[:40]}" is not a value of the {rule.name} field')
    return int(text)


def _text(field: CronField) -> str:
    return "*" if field.is_any else ",".join(map(str, field.values))


def _error(cause: str) -> CronError:
    return CronError(
        cause,
        hint='Write "minute hour day-of-month month day-of-week", for example "*/5 * * * *", or "@every 1h30m".',
    )

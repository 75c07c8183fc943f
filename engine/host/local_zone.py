"""The zone of local time, by the rules of Go's library: its offsets and, where it is known, its IANA name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MARKER: Final = "zoneinfo/"
_UTC_NAMES: Final = frozenset({"UTC", "UCT", "Universal", "Zulu"})
_LOCALTIME: Final = Path("/etc/localtime")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalZone:
    """What a plugin is told of local time."""

    name: str
    """The IANA name where it is known, else `Local`; `UTC` for that zone under any of its names."""
    zone: tzinfo

    @classmethod
    def of_machine(cls, environ: Mapping[str, str] = os.environ, localtime: Path = _LOCALTIME) -> LocalZone:
        """The zone that `TZ` names; without it, the one that `localtime` is or links to; UTC where that fails."""
        given = environ.get("TZ")
        if given is None:
            return _of_file(localtime)
        given = given.removeprefix(":")
        return _of_file(Path(given)) if given.startswith("/") else _of_name(given) or _UTC

    def rfc3339(self, now_ns: int) -> str:
        """Local time as Go's `RFC3339Nano` writes it: up to nine digits of a second, `Z` where the offset is zero."""
        seconds, fraction_ns = divmod(now_ns, 1_000_000_000)
        local = moment_of(seconds * 1_000_000_000).astimezone(self.zone)
        fraction = f".{fraction_ns:09}".rstrip("0") if fraction_ns else ""
        minutes = int((local.utcoffset() or timedelta()).total_seconds() / 60)
        sign, size = ("-", -minutes) if minutes < 0 else ("+", minutes)
        offset = f"{sign}{size // 60:02}:{size % 60:02}" if minutes else "Z"
        return f"{local.replace(tzinfo=None).isoformat()}{fraction}{offset}"


def moment_of(time_ns: int) -> datetime:
    """An instant, cut to microseconds, in UTC."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def ns_of(moment: datetime) -> int:
    """Nanoseconds since the epoch of an aware time."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


_UTC: Final = LocalZone(name="UTC", zone=UTC)


def _of_name(name: str) -> LocalZone | None:
    """A zone by its IANA name; None when there is none of that name."""
    if name.removeprefix("Etc/") in _UTC_NAMES:
        return _UTC
    try:
        return LocalZone(name=name, zone=ZoneInfo(name))
    except (LookupError, OSError, ValueError):
        return None


def _of_file(path: Path) -> LocalZone:
    """The zone in a file; a link into a tree of zones tells its name as well."""
    try:
        target = str(path.resolve())
        if _MARKER in target:
            name = target.rpartition(_MARKER)[2].removeprefix("posix/").removeprefix("right/")
            if (named := _of_name(name)) is not None:
                return named
        with path.open("rb") as file:
            return LocalZone(name="Local", zone=ZoneInfo.from_file(file))
    except (OSError, ValueError):
        return _UTC

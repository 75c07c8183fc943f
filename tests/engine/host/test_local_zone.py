"""Local time: the zone's name by Go's rules, and RFC 3339 to the nanosecond."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest

from engine.clock import VirtualClock
from engine.contracts.host.scheduler_pb2 import TimeNowRequest
from engine.host import SchedulerService
from engine.host.local_zone import LocalZone, moment_of, ns_of
from engine.settings import Limits
from tests.engine.host.fake_host import FakeHost
from tests.engine.host.fake_scope import FakeScope

NOON_NS = ns_of(datetime(2026, 7, 1, 12, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("given", "name", "hour"),
    [
        ("Europe/Berlin", "Europe/Berlin", "14"),
        (":America/New_York", "America/New_York", "08"),
        ("UTC", "UTC", "12"),
        ("Etc/UTC", "UTC", "12"),
        ("Etc/Zulu", "UTC", "12"),
        ("", "UTC", "12"),
        ("No/Where", "UTC", "12"),
        ("../../etc/passwd", "UTC", "12"),
        ("/no/such/file", "UTC", "12"),
    ],
)
def test_the_variable_names_the_zone(given: str, name: str, hour: str) -> None:
    local = LocalZone.of_machine({"TZ": given})
    assert local.name == name
    assert local.rfc3339(NOON_NS)[11:13] == hour


@pytest.fixture
def berlin(tmp_path: Path) -> Path:
    """A zone's file in a tree of zones, as systems have them."""
    file = tmp_path / "share" / "zoneinfo" / "Europe" / "Berlin"
    file.parent.mkdir(parents=True)
    file.write_bytes(resources.files("tzdata.zoneinfo.Europe").joinpath("Berlin").read_bytes())
    return file


def test_without_the_variable_a_link_tells_zone_and_name(berlin: Path, tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to(berlin)
    assert LocalZone.of_machine({}, link).name == "Europe/Berlin"


def test_a_mere_copy_of_a_zones_file_has_its_offsets_and_no_name(berlin: Path, tmp_path: Path) -> None:
    copy = tmp_path / "localtime"
    copy.write_bytes(berlin.read_bytes())
    for local in (LocalZone.of_machine({}, copy), LocalZone.of_machine({"TZ": str(copy)})):
        assert local.name == "Local"
        assert local.rfc3339(NOON_NS) == "2026-07-01T14:00:00+02:00"


def test_a_file_that_is_no_zone_gives_utc(tmp_path: Path) -> None:
    broken = tmp_path / "localtime"
    broken.write_bytes(b"no zone")
    assert LocalZone.of_machine({}, broken).name == "UTC"


@pytest.mark.parametrize(
    ("zone", "fraction_ns", "text"),
    [
        ("UTC", 0, "2026-07-01T12:00:00Z"),
        ("UTC", 120_000_000, "2026-07-01T12:00:00.12Z"),
        ("UTC", 1, "2026-07-01T12:00:00.000000001Z"),
        ("Asia/Kolkata", 999_999_999, "2026-07-01T17:30:00.999999999+05:30"),
        ("America/St_Johns", 0, "2026-07-01T09:30:00-02:30"),
        ("Africa/Abidjan", 0, "2026-07-01T12:00:00Z"),
    ],
)
def test_the_text_has_no_more_digits_than_it_needs(zone: str, fraction_ns: int, text: str) -> None:
    assert LocalZone.of_machine({"TZ": zone}).rfc3339(NOON_NS + fraction_ns) == text


async def test_time_now_tells_one_instant_in_three_ways() -> None:
    zone = LocalZone.of_machine({"TZ": "Europe/Berlin"})
    service = SchedulerService(Limits(), callbacks=1, zone=zone)
    service.start(FakeHost(clock=VirtualClock(NOON_NS + 987_654_321)))
    answer = service.time_now(TimeNowRequest(), FakeScope())
    assert answer.rfc3339_nano == "2026-07-01T14:00:00.987654321+02:00"
    assert answer.unix_milli == NOON_NS // 1_000_000 + 987
    assert answer.local_time_zone == "Europe/Berlin"


def test_instants_go_to_datetimes_and_back() -> None:
    assert ns_of(moment_of(NOON_NS + 123_456_000)) == NOON_NS + 123_456_000

"""The runner of the vectors itself: nothing passes unseen, and file names play no part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.spec.cases import UNCLAIMED, Case, kind_of, load_cases
from tests.spec.claims import CLAIMS, check

OWN = Path(__file__).parent / "vectors"


def write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content))


def case_of(value: dict[str, Any]) -> Case:
    return Case(file="x.json", index=0, kind=kind_of(value), value=value, context={})


def test_the_repositorys_own_cases_use_every_claim() -> None:
    assert {case.kind for case in load_cases(OWN)} == set(CLAIMS)


def test_a_case_keeps_its_kind_whatever_its_file_is_called(tmp_path: Path) -> None:
    for number, file in enumerate(sorted(OWN.glob("*.json"))):
        (tmp_path / f"{number:02}.json").write_bytes(file.read_bytes())
    assert [case.kind for case in load_cases(tmp_path)] == [case.kind for case in load_cases(OWN)]


def test_files_without_cases_and_empty_folders_are_unclaimed(tmp_path: Path) -> None:
    assert [case.kind for case in load_cases(tmp_path)] == [UNCLAIMED]
    write(tmp_path, "a.json", {"about": "nothing"})
    write(tmp_path, "b.json", {"cases": []})
    write(tmp_path, "c.json", [1])
    write(tmp_path, "d.json", {"cases": [7, {"some": "shape"}, {"kind": "guest"}]})
    (tmp_path / "e.txt").write_text("?")
    assert [case.kind for case in load_cases(tmp_path)] == [UNCLAIMED] * 7


def test_an_unclaimed_kind_fails() -> None:
    for value in ({"some": "shape"}, {"kind": "new_kind", "safe": True}):
        with pytest.raises(AssertionError, match="no test claims the kind"):
            check(case_of(value))


@pytest.mark.parametrize("service", ["cache", "scheduler"])
def test_the_keys_of_a_service_are_compared(service: str) -> None:
    first, second = {"plugin": "x", "key": "y:z"}, {"plugin": "x:y", "key": "z"}
    value = {"kind": "key_isolation", "service": service, "first": first, "second": second, "safe": "separate values"}
    check(case_of(value))


@pytest.mark.parametrize(
    "value",
    [
        {"pattern": "*", "url": "https://a.example", "allowed": False},
        {"kind": "url_match", "pattern": "*", "url": "https://a.example", "safe": False},
        {"allowedUrls": {"*": ["*"]}, "url": "https://a.example", "method": "GET", "allowed": False, "error": "x"},
        {"allowedUrls": {"*": ["*"]}, "url": "http://[::1]", "method": "GET", "allowed": False, "error": "private"},
        {"allowedUrls": ["*"], "url": "wss://a.example", "allowed": False, "error": None},
        {"text": "1K", "bytes": 1024},
        {"expr": "* * * * *", "valid": True, "from": "2026-03-10T10:07:30Z", "next": ["2026-03-10T10:07:31Z"]},
        {"expr": "61 * * * *", "valid": True},
        {"name": "../x", "legal": True},
        {"manifest": {}, "valid": False, "error": "another text"},
        {"manifest": {}, "valid": True},
        {"members": [], "valid": True},
        {"message": "api.ArtistMBIDResponse", "fields": {"mbid": "a"}, "hex": "0a0162"},
        {"kind": "guest", "value": "0", "ptr": 1, "size": 0, "is_error": False},
        {"kind": "guest", "service": "Scrobbler", "method": "Scrobble", "export": "scrobble"},
        {"kind": "host", "service": "HttpService", "method": "Get", "import": "http_get"},
        {"kind": "http_timeout", "timeout_ms": 1, "safe": "default limit of 10000 ms"},
        {"kind": "cli_name", "command": "remove", "argument": "demo", "safe": "refused, exit 1"},
        {
            "allowedUrls": {"*": ["*"]},
            "method": "GET",
            "url": "https://a.example/x",
            "responses": {},
            "status": 200,
            "requests": [],
        },
    ],
    ids=lambda value: kind_of(value),
)
def test_a_wrong_expectation_fails(value: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check(case_of(value))

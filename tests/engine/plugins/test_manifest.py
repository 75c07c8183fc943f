"""manifest.json: the values it becomes, and the words, the line and the advice when it is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ManifestError
from engine.plugins.manifest import MANIFEST_LIMIT_BYTES, Manifest, parse_manifest, read_manifest
from engine.plugins.permissions import HttpPermission, Permission, Permissions, SubsonicPermission, WebSocketPermission
from tests.engine.plugins.manifests import JSON_VALUES, manifest_bytes, manifest_value

REASON = "To fetch metadata"


def parsed(**changes: Any) -> Manifest:
    return parse_manifest(manifest_bytes(**changes))


def refusal(**changes: Any) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        parsed(**changes)
    return caught.value


def test_a_manifest_becomes_a_value() -> None:
    manifest = parsed(website="https://example.org", extra={"kept": True})
    assert (manifest.name, manifest.author, manifest.version) == ("demo", "An Author", "1.0.0")
    assert (manifest.description, manifest.website) == ("A plugin for tests", "https://example.org")
    assert manifest.capabilities == ("MetadataAgent",)
    assert manifest.raw["extra"] == {"kept": True}


def test_permissions_become_values() -> None:
    permissions = parsed(
        permissions={
            "http": {"reason": REASON, "allowedUrls": {"https://a.example/*": ["GET", "POST", "GET"]}},
            "websocket": {"reason": REASON, "allowedUrls": ["wss://a.example", "*"], "allowLocalNetwork": True},
            "subsonicapi": {"reason": REASON, "allowedUsernames": ["u1"], "allowAdmins": True},
            "config": {"reason": REASON, "extra": 1},
            "unknown": 7,
        }
    ).permissions
    assert permissions == Permissions(
        http=HttpPermission(reason=REASON, allowed_urls={"https://a.example/*": ("GET", "POST")}),
        websocket=WebSocketPermission(reason=REASON, allowed_urls=("wss://a.example", "*"), allow_local_network=True),
        subsonicapi=SubsonicPermission(reason=REASON, allowed_usernames=("u1",), allow_admins=True),
        config=Permission(reason=REASON),
    )
    assert permissions.granted() == {"http", "websocket", "subsonicapi", "config"}


def test_without_the_permissions_key_the_document_decides() -> None:
    permissions = parsed().permissions
    assert not permissions.is_declared
    assert permissions.granted() == {"http", "config", "artwork", "cache", "scheduler", "websocket"}


@pytest.mark.parametrize("permissions", [None, {}, {"cache": None}, {"unknown": {"a": 1}}])
def test_empty_permissions_grant_nothing(permissions: object) -> None:
    granted = parsed(permissions=permissions).permissions
    assert granted.is_declared
    assert granted.granted() == frozenset()


def test_capabilities_given_twice_count_once() -> None:
    manifest = parsed(capabilities=["Scrobbler", "MetadataAgent", "Scrobbler"])
    assert manifest.capabilities == ("Scrobbler", "MetadataAgent")


@pytest.mark.parametrize("name", ["Test Plugin", "naïve", "プラグイン", "x" * 255, "a.b", "a..b", "a b "])
def test_ordinary_names_are_accepted(name: str) -> None:
    assert parsed(name=name).name == name


@pytest.mark.parametrize(
    "name",
    ["", "  ", ".", "..", ".hidden", "a/b", "../evil", "a\\b", "a\nb", "ab\n", "a\x85b", "a\0", "x" * 256, "é" * 128],
)
def test_names_that_are_no_folder_names_are_refused(name: str) -> None:
    error = refusal(name=name)
    assert error.summary == "invalid manifest: field name in PluginManifest: not usable as a folder name"
    assert error.place is not None
    assert error.place.pointer == "/name"


@pytest.mark.parametrize("value", [..., None])
@pytest.mark.parametrize("field", ["author", "capabilities", "description", "name", "version"])
def test_a_required_field_that_is_missing_or_null_is_named(field: str, value: object) -> None:
    error = refusal(**{field: value})
    assert error.summary == f"invalid manifest: field {field} in PluginManifest: required"
    assert error.hint is not None
    assert f'"{field}"' in error.hint


def test_missing_fields_are_reported_alphabetically_and_the_rest_in_the_hint() -> None:
    error = refusal(version=..., author=..., capabilities=["Nonsense"])
    assert error.summary == "invalid manifest: field author in PluginManifest: required"
    assert error.hint is not None
    assert "field version in PluginManifest: required" in error.hint
    assert "Nonsense" in error.hint


RULES: list[tuple[dict[str, Any], str]] = [
    ({"capabilities": []}, "field capabilities length: must be >= 1"),
    ({"capabilities": "MetadataAgent"}, "field capabilities in PluginManifest: expected an array, got a string"),
    ({"capabilities": [None]}, "invalid value (expected one of MetadataAgent, Scrobbler, SchedulerCallback, "),
    ({"name": 7}, "field name in PluginManifest: expected a string, got a number"),
    ({"author": True}, "field author in PluginManifest: expected a string, got a boolean"),
    ({"website": {}}, "field website in PluginManifest: expected a string, got an object"),
    ({"permissions": []}, "field permissions in PluginManifest: expected an object, got an array"),
    ({"permissions": {"cache": "yes"}}, "field cache in PluginManifestPermissions: expected an object, got a string"),
    ({"permissions": {"cache": {}}}, "field reason in PluginManifestPermissionsCache: required"),
    ({"permissions": {"cache": {"reason": None}}}, "field reason in PluginManifestPermissionsCache: required"),
    ({"permissions": {"cache": {"reason": ""}}}, "field reason length: must be >= 1"),
    ({"permissions": {"http": {"reason": REASON}}}, "field allowedUrls in PluginManifestPermissionsHttp: required"),
    ({"permissions": {"http": {"reason": REASON, "allowedUrls": {}}}}, "field allowedUrls length: must be >= 1"),
    (
        {"permissions": {"http": {"reason": REASON, "allowedUrls": {"*": []}}}},
        'field allowedUrls["*"] length: must be >= 1',
    ),
    (
        {"permissions": {"http": {"reason": REASON, "allowedUrls": {"*": ["get"]}}}},
        'invalid value (expected one of GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS, *): "get"',
    ),
    (
        {"permissions": {"http": {"reason": REASON, "allowedUrls": {"*": ["*"]}, "allowLocalNetwork": "no"}}},
        "field allowLocalNetwork in PluginManifestPermissionsHttp: expected a boolean, got a string",
    ),
    ({"permissions": {"websocket": {"reason": REASON, "allowedUrls": []}}}, "field allowedUrls length: must be >= 1"),
    (
        {"permissions": {"websocket": {"reason": REASON, "allowedUrls": ["https://a.example"]}}},
        'field allowedUrls[0]: must be "*" or start with ws:// or wss://, got "https://a.example"',
    ),
    (
        {"permissions": {"websocket": {"reason": REASON, "allowedUrls": ["*\n"]}}},
        'field allowedUrls[0]: must be "*" or start with ws:// or wss://, got "*\\n"',
    ),
    (
        {"permissions": {"subsonicapi": {"reason": REASON, "allowedUsernames": [1]}}},
        "field allowedUsernames[0] in PluginManifestPermissionsSubsonicapi: expected a string, got a number",
    ),
]


@pytest.mark.parametrize(("changes", "detail"), RULES, ids=[detail for _, detail in RULES])
def test_each_rule_has_its_words(changes: dict[str, Any], detail: str) -> None:
    assert refusal(**changes).summary.startswith(f"invalid manifest: {detail}")


def test_the_rules_come_in_the_order_of_the_specification() -> None:
    wrong: dict[str, Any] = {
        "name": "../evil",
        "version": 1,
        "permissions": {"cache": {}},
        "capabilities": ["Nonsense"],
        "author": ...,
    }
    corrections: list[tuple[str, object, str]] = [
        ("author", "a", "field author in PluginManifest: required"),
        ("capabilities", ["Scrobbler"], "invalid value"),
        ("permissions", {}, "field reason in PluginManifestPermissionsCache: required"),
        ("version", "1", "field version in PluginManifest: expected a string"),
        ("name", "good", "field name in PluginManifest: not usable as a folder name"),
    ]
    for field, good, detail in corrections:
        assert refusal(**wrong).summary.startswith(f"invalid manifest: {detail}")
        wrong[field] = good
    assert parsed(**wrong).name == "good"


def test_a_problem_is_shown_with_file_line_column_and_pointer() -> None:
    text = b"""{
 "name": "demo",
 "author": "a", "version": "1", "description": "d",
 "capabilities": [
  "Scrobler"
 ]
}"""
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, Path("manifest.json"))
    assert str(caught.value.place) == "manifest.json:5:3 (/capabilities/0)"
    assert caught.value.hint == 'Did you mean "Scrobbler"?'


def test_broken_json_is_shown_with_its_line() -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(b'{\n "name": "a"\n "author": "b"}', Path("manifest.json"))
    assert caught.value.summary == 'invalid manifest: expected "," or "}"'
    assert str(caught.value.place) == "manifest.json:3:2"


@pytest.mark.parametrize("text", ["[]", "7", "null", '"text"'])
def test_anything_but_an_object_is_refused(text: str) -> None:
    with pytest.raises(ManifestError, match="invalid manifest: expected a JSON object, got"):
        parse_manifest(text.encode())


def test_a_key_in_another_case_is_pointed_out() -> None:
    error = refusal(name=..., Name="demo")
    assert error.summary == "invalid manifest: field name in PluginManifest: required"
    assert error.hint == 'Write the key "Name" as "name": keys are case-sensitive.'


@pytest.mark.parametrize(
    "changes",
    [
        {"permissions": {"http": {"reason": "x", "requiredHosts": ["a.example"]}}},
        {"permissions": {"kvstore": {"maxSize": "1MB"}}},
        {"experimental": {"threads": {"reason": "x"}}},
        {"config": {"schema": {}}},
    ],
)
def test_a_manifest_for_a_later_navidrome_is_recognised(changes: dict[str, Any]) -> None:
    error = refusal(capabilities=..., **changes)
    assert error.summary == "invalid manifest: field capabilities in PluginManifest: required"
    assert error.hint is not None
    assert error.hint.startswith("This is a manifest for Navidrome 0.60 or later")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        read_manifest(tmp_path / "manifest.json")
    assert caught.value.summary == "failed to read manifest file: no such file or directory"
    assert caught.value.place is not None
    assert caught.value.place.file == tmp_path / "manifest.json"


def test_a_folder_or_a_pipe_in_place_of_the_manifest_is_refused_without_waiting(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(ManifestError, match=r"failed to read manifest file: (not a regular file|is a directory)"):
            read_manifest(tmp_path / name)


def test_an_oversized_manifest_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(b"{" + b" " * MANIFEST_LIMIT_BYTES)
    with pytest.raises(ManifestError, match=f"failed to read manifest file: larger than {MANIFEST_LIMIT_BYTES} bytes"):
        read_manifest(file)
    with pytest.raises(ManifestError, match=f"invalid manifest: larger than {MANIFEST_LIMIT_BYTES} bytes"):
        parse_manifest(file.read_bytes())


def test_thousands_of_problems_make_one_short_error() -> None:
    urls = {f"https://{number}.example": ["FETCH"] for number in range(3000)}
    error = refusal(permissions={"http": {"reason": REASON, "allowedUrls": urls}})
    assert len(error.summary) + len(error.hint or "") < 1000


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_manifest_errors(data: bytes) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(data)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*manifest_value(), "website", "permissions", "extra"]),
        JSON_VALUES | st.just({"http": {"reason": "r", "allowedUrls": {"*": ["*"]}}}),
    ),
    st.dictionaries(
        st.sampled_from(["http", "websocket", "cache", "subsonicapi", "other"]),
        st.dictionaries(
            st.sampled_from(["reason", "allowedUrls", "allowLocalNetwork", "allowedUsernames", "allowAdmins"]),
            JSON_VALUES,
        ),
    ),
)
def test_arbitrary_json_is_a_manifest_or_a_manifest_error(changes: dict[str, Any], entries: dict[str, Any]) -> None:
    for value in (manifest_value(**changes), manifest_value(permissions=entries)):
        try:
            manifest = parse_manifest(json.dumps(value).encode())
        except ManifestError as error:
            assert error.summary.startswith("invalid manifest: ")
            assert error.place is not None
            assert error.place.line is not None
        else:
            assert manifest.name == value["name"]
            assert manifest.capabilities

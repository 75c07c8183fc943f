"""manifest.json becomes a `Manifest`, or a `ManifestError` that says what is wrong and in which line.

The rules stand in `manifest.schema.json`; their wording is in `manifest_problems.py` (spec behaviour section 2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator

from engine.errors import ManifestError, Place
from engine.plugins.files import cause_text, read_limited
from engine.plugins.manifest_problems import Problem, advice, later_navidrome_advice, name_problem, problems_of
from engine.plugins.permissions import (
    PERMISSION_KEYS,
    HttpPermission,
    Permission,
    Permissions,
    SubsonicPermission,
    WebSocketPermission,
)
from engine.plugins.strict_json import JsonError, locate, parse, pointer

MANIFEST_NAME = "manifest.json"
MANIFEST_LIMIT_BYTES = 256 * 1024
"""A manifest is a page of text; more is refused before it is parsed."""

_OTHERS_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a plugin says about itself; every field has been checked."""

    name: str
    author: str
    version: str
    description: str
    website: str | None = None
    capabilities: tuple[str, ...]
    """At least one, in the manifest's order, each once."""
    permissions: Permissions
    raw: Mapping[str, object] = field(repr=False, compare=False)
    """The JSON object as written, with the keys that mean nothing here."""


def read_manifest(path: Path) -> Manifest:
    """Read and check the manifest file at `path`; raises `ManifestError`."""
    try:
        data = read_limited(path, MANIFEST_LIMIT_BYTES)
    except OSError as error:
        raise ManifestError(
            f"failed to read manifest file: {cause_text(error)}",
            hint=f"A plugin folder needs a readable {MANIFEST_NAME}.",
            place=Place(file=path),
        ) from error
    return parse_manifest(data, path)


def parse_manifest(data: bytes, file: Path | None = None) -> Manifest:
    """Check the manifest text `data`; raises `ManifestError` with `file`, line, column and JSON pointer."""
    if len(data) > MANIFEST_LIMIT_BYTES:
        raise ManifestError(
            f"invalid manifest: larger than {MANIFEST_LIMIT_BYTES} bytes",
            hint=f"A {MANIFEST_NAME} holds a few lines of text.",
            place=Place(file=file),
        )
    try:
        value = parse(data)
    except JsonError as error:
        raise ManifestError(
            f"invalid manifest: {error}",
            hint="The manifest must be one JSON object in UTF-8.",
            place=Place(file=file, line=error.position.line, column=error.position.column),
        ) from error
    raw = value if isinstance(value, dict) else {}
    problems = _problems(value)
    if problems:
        raise _error(problems, raw, data, file)
    return _manifest(_without_nulls(raw), raw)


def place_in_manifest(file: Path, key: str) -> Place:
    """Where a top-level member of a good manifest stands, or would have to; the file alone if it changed meanwhile."""
    try:
        position = locate(read_limited(file, MANIFEST_LIMIT_BYTES), (key,))
    except (OSError, JsonError):
        return Place(file=file)
    return Place(file=file, line=position.line, column=position.column, pointer=f"/{key}")


def _problems(value: object) -> list[Problem]:
    """Everything that is wrong with a parsed manifest, what matters most first."""
    if not isinstance(value, dict):
        return problems_of(_validator().iter_errors(value))
    found = [*problems_of(_validator().iter_errors(_without_nulls(value))), *name_problem(value.get("name"))]
    return sorted(set(found), key=Problem.order)


def _error(problems: list[Problem], raw: Mapping[str, object], data: bytes, file: Path | None) -> ManifestError:
    first, *others = problems
    hints = [later_navidrome_advice(raw) or advice(first, raw)]
    details = [detail for detail in dict.fromkeys(problem.detail for problem in others) if detail != first.detail]
    if details:
        rest = f"; and {len(details) - _OTHERS_SHOWN} more" if len(details) > _OTHERS_SHOWN else ""
        hints.append(f"Also wrong: {'; '.join(details[:_OTHERS_SHOWN])}{rest}.")
    position = locate(data, first.path)
    return ManifestError(
        f"invalid manifest: {first.detail}",
        hint=" ".join(hints),
        place=Place(file=file, line=position.line, column=position.column, pointer=pointer(first.path) or None),
    )


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads((files("engine.plugins") / "manifest.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)


def _without_nulls(raw: Mapping[str, object]) -> dict[str, object]:
    """The manifest with every null that counts as missing taken out.

    `permissions: null` means an empty object; a known permission that is null grants nothing.
    """
    members = {key: value for key, value in raw.items() if value is not None}
    if "permissions" in raw:
        permissions = raw["permissions"]
        if permissions is None:
            permissions = {}
        if isinstance(permissions, dict):
            permissions = {key: _entry(permissions[key]) for key in PERMISSION_KEYS if permissions.get(key) is not None}
        members["permissions"] = permissions
    return members


def _entry(entry: object) -> object:
    """One permission without the members that are null."""
    if not isinstance(entry, dict):
        return entry
    return {key: value for key, value in entry.items() if value is not None}


def _manifest(members: Mapping[str, object], raw: Mapping[str, object]) -> Manifest:
    """The value of a manifest that the schema has accepted."""
    known = cast("Mapping[str, Any]", members)
    return Manifest(
        name=known["name"],
        author=known["author"],
        version=known["version"],
        description=known["description"],
        website=known.get("website"),
        capabilities=tuple(dict.fromkeys(known["capabilities"])),
        permissions=_permissions(known.get("permissions")),
        raw=raw,
    )


def _permissions(entries: Mapping[str, Mapping[str, Any]] | None) -> Permissions:
    if entries is None:
        return Permissions.undeclared()
    http = websocket = subsonic = None
    if entry := entries.get("http"):
        urls = {pattern: tuple(dict.fromkeys(methods)) for pattern, methods in entry["allowedUrls"].items()}
        is_local = entry.get("allowLocalNetwork", False)
        http = HttpPermission(reason=entry["reason"], allowed_urls=urls, allow_local_network=is_local)
    if entry := entries.get("websocket"):
        patterns = tuple(dict.fromkeys(entry["allowedUrls"]))
        is_local = entry.get("allowLocalNetwork", False)
        websocket = WebSocketPermission(reason=entry["reason"], allowed_urls=patterns, allow_local_network=is_local)
    if entry := entries.get("subsonicapi"):
        subsonic = SubsonicPermission(
            reason=entry["reason"],
            allowed_usernames=tuple(entry.get("allowedUsernames", ())),
            allow_admins=entry.get("allowAdmins", False),
        )
    return Permissions(
        http=http,
        config=_plain(entries, "config"),
        scheduler=_plain(entries, "scheduler"),
        websocket=websocket,
        cache=_plain(entries, "cache"),
        artwork=_plain(entries, "artwork"),
        subsonicapi=subsonic,
    )


def _plain(entries: Mapping[str, Mapping[str, Any]], key: str) -> Permission | None:
    return Permission(reason=entries[key]["reason"]) if key in entries else None

"""What is wrong with a manifest, in Navidrome's words (spec behaviour sections 2 and 3), and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from jsonschema import ValidationError

from engine.plugins.names import is_folder_name
from engine.plugins.strict_json import JsonPath

_REQUIRED, _CAPABILITIES, _OPTIONAL, _TYPE, _NAME = range(5)
_TEXT_LIMIT = 120
_SHAPES = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}
_WANTED = {"object": "an object", "array": "an array", "string": "a string", "boolean": "a boolean"}
_LATER_PERMISSIONS = ("library", "kvstore", "users", "taskqueue")
_LATER_HOST_LISTS = ("requiredHosts", "allowedHosts")
_LATER_TEXT = (
    "This is a manifest for Navidrome 0.60 or later, whose plugins use another calling convention that is not "
    "supported yet. Build the plugin for Navidrome 0.57 to 0.59 and list its capabilities."
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule; `path` is the value it concerns, which may be missing; `rank` the rule's place in the text."""

    detail: str
    path: JsonPath
    rank: int = field(compare=False)
    rule: str = field(compare=False)
    value: object = field(default=None, compare=False)

    def order(self) -> tuple[int, tuple[str, ...]]:
        """Sorts by rule, then by place: keys alphabetically, as Navidrome checks them, list items in order."""
        return self.rank, tuple(f"{step:09}" if isinstance(step, int) else step for step in self.path)


def problems_of(violations: Iterable[ValidationError]) -> list[Problem]:
    """The schema's violations in the specification's words, in any order."""
    return [problem for violation in violations for problem in _worded(violation)]


def name_problem(name: object) -> list[Problem]:
    """What is wrong with a plugin name as the name of a folder; nothing when it is no text at all."""
    if not isinstance(name, str) or is_folder_name(name):
        return []
    detail = "field name in PluginManifest: not usable as a folder name"
    return [Problem(detail=detail, path=("name",), rank=_NAME, rule="name", value=name)]


def advice(problem: Problem, raw: Mapping[str, object]) -> str:
    """What to do about `problem` in the manifest `raw`."""
    if problem.rule == "required":
        return _advice_for_missing(problem.path, raw)
    if problem.rule == "name":
        return "Use a name without slashes, control characters or a leading dot, at most 255 bytes long."
    if problem.rule == "enum" and isinstance(problem.value, tuple):
        given, allowed = problem.value
        near = _nearest(str(given), allowed)
        return f'Did you mean "{near}"?' if near else "Names are case-sensitive."
    if problem.rule in ("minItems", "minProperties"):
        return "List at least one, or leave the whole entry out."
    if problem.rule == "minLength":
        return "Say in a sentence what the plugin needs it for; users see it."
    if problem.rule == "pattern":
        return 'For example "wss://gateway.example.com/*".'
    return "Correct the value, or leave the key out where it is optional."


def later_navidrome_advice(raw: Mapping[str, object]) -> str | None:
    """What to say about a manifest that was written for Navidrome 0.60 or later; None when nothing shows that."""
    if "capabilities" in raw or not isinstance(raw.get("name"), str):
        return None
    permissions = raw.get("permissions")
    entries = permissions if isinstance(permissions, dict) else {}
    has_host_lists = any(
        isinstance(entry, dict) and any(key in entry for key in _LATER_HOST_LISTS) for entry in entries.values()
    )
    has_later_services = any(key in entries for key in _LATER_PERMISSIONS)
    if has_host_lists or has_later_services or "experimental" in raw or isinstance(raw.get("config"), dict):
        return _LATER_TEXT
    return None


def _worded(violation: ValidationError) -> Iterator[Problem]:
    path: JsonPath = tuple(violation.absolute_path)
    rule = str(violation.validator)
    wanted: Any = violation.validator_value
    instance: Any = violation.instance
    if rule == "required":
        for name in sorted(set(wanted) - set(instance)):
            detail = f"field {name} in {_struct(path)}: required"
            yield Problem(detail=detail, path=(*path, name), rank=_OPTIONAL if path else _REQUIRED, rule=rule)
        return
    if rule == "pattern" and path == ("name",):
        return  # `name_problem` has the whole rule
    value: object = None
    if rule == "enum":
        detail = f"invalid value (expected one of {', '.join(wanted)}): {_shown(instance)}"
        value = (instance, tuple(wanted))
    elif rule in ("minItems", "minProperties", "minLength"):
        detail = f"field {_field(path)} length: must be >= {wanted}"
    elif rule == "pattern":
        detail = f'field {_field(path)}: must be "*" or start with ws:// or wss://, got {_shown(instance)}'
    elif path:
        shapes = f"expected {_WANTED[wanted]}, got {_SHAPES[type(instance)]}"
        detail = f"field {_field(path)} in {_struct(path[:-1])}: {shapes}"
    else:
        detail = f"expected a JSON object, got {_SHAPES[type(instance)]}"
    yield Problem(detail=detail, path=path, rank=_rank(path), rule=rule, value=value)


def _rank(path: JsonPath) -> int:
    match path[:1]:
        case ("capabilities",):
            return _CAPABILITIES
        case ("website" | "permissions",):
            return _OPTIONAL
        case _:
            return _TYPE


def _struct(path: JsonPath) -> str:
    """What Navidrome calls the object at `path`."""
    names = [step for step in path if isinstance(step, str)]
    return "PluginManifest" + "".join(name[:1].upper() + name[1:] for name in names[:2])


def _field(path: JsonPath) -> str:
    """The last key of `path`, with the steps below it when the value is inside a list or a map of patterns."""
    keep = 3 if path[:1] == ("permissions",) else 1
    text = str(path[min(keep, len(path)) - 1])
    for step in path[keep:]:
        text += f"[{step}]" if isinstance(step, int) else f"[{_shown(step)}]"
    return text


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]}..."


def _advice_for_missing(path: JsonPath, raw: Mapping[str, object]) -> str:
    name = path[-1]
    owner: object = raw
    for step in path[:-1]:
        owner = owner[step] if isinstance(owner, dict) and isinstance(step, str) else None
    keys = list(owner) if isinstance(owner, dict) else []
    other = next((key for key in keys if key != name and key.lower() == str(name).lower()), None)
    if other:
        return f'Write the key "{other}" as "{name}": keys are case-sensitive.'
    if name == "capabilities":
        return (
            'Add for example "capabilities": ["MetadataAgent"]. '
            "(Plugins for Navidrome 0.60 or later list none; they are not supported yet.)"
        )
    if name == "reason":
        return 'Add "reason": a sentence that tells users why the plugin needs it.'
    if name == "allowedUrls":
        example = '["wss://api.example.com/*"]' if "websocket" in path else '{"https://api.example.com/*": ["GET"]}'
        return f'Add for example "allowedUrls": {example}.'
    return f'Add "{name}": "..." to the manifest.'


def _nearest(given: str, allowed: Iterable[str]) -> str | None:
    folded = {name.lower(): name for name in allowed}
    near = get_close_matches(given.lower()[:64], folded, n=1)
    return folded[near[0]] if near else None

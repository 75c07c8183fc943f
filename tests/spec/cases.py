"""The cases of the specification's vector files, and which kind each one is.

A kind is told by the shape of a case or by its `kind` member, never by the name of its file, so that other
files of the same shapes can be run by pointing the variable SPEC_VECTORS to their folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNCLAIMED = "unclaimed"
"""The kind of a case, or of a whole file, whose shape is not known."""

_OWN_VECTORS = Path(__file__).parent / "vectors"

_BY_SHAPE: tuple[tuple[frozenset[str], str], ...] = tuple(
    (frozenset(keys.split()), kind)
    for keys, kind in (
        ("responses requests allowedUrls url method", "redirect"),
        ("allowedUrls url method allowed", "http_permission"),
        ("allowedUrls url allowed", "websocket_permission"),
        ("pattern url allowed", "url_match"),
        ("expr valid", "cron"),
        ("text bytes", "cache_size"),
        ("message hex", "wire"),
        ("members valid", "ndp_archive"),
        ("name legal", "ndp_member"),
        ("manifest valid", "manifest"),
        ("text valid", "manifest"),
    )
)
"""The members that make a shape; the first that fits counts, so richer shapes come first."""

_BY_KIND_AND_SHAPE = {("value", "guest"): "guest_result_word", ("value", "host"): "host_result_word"} | {
    ("service", "guest"): "guest_export_name",
    ("service", "host"): "host_import_name",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: its members, and those of the file around it."""

    file: str
    index: int
    kind: str
    value: Mapping[str, Any]
    context: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.file}-{self.index}"

    def expected(self, member: str) -> Any:
        """What the engine must answer: `safe` where a case compares with Navidrome, else the member of its shape."""
        return self.value.get("safe", self.value.get(member))


def vectors_folder() -> Path:
    """The folder that SPEC_VECTORS names, else the repository's own."""
    return Path(os.environ.get("SPEC_VECTORS") or _OWN_VECTORS)


def kind_of(value: object) -> str:
    """The kind of one case."""
    if not isinstance(value, dict):
        return UNCLAIMED
    kind = value.get("kind")
    if kind in ("guest", "host"):
        member = "value" if "value" in value else "service"
        return _BY_KIND_AND_SHAPE[member, kind] if member in value else UNCLAIMED
    if isinstance(kind, str):
        return kind
    return next((kind for keys, kind in _BY_SHAPE if keys <= value.keys()), UNCLAIMED)


def load_cases(folder: Path) -> Iterator[Case]:
    """Every case of every file; a file without cases, and a folder without files, is an unclaimed case itself."""
    files = sorted(path for path in folder.glob("*") if not path.name.startswith("."))
    if not files:
        yield Case(file=str(folder), index=0, kind=UNCLAIMED, value={}, context={})
    for file in files:
        content = json.loads(file.read_bytes()) if file.suffix == ".json" else None
        values = content.get("cases") if isinstance(content, dict) else None
        context = {} if not isinstance(content, dict) else {key: content[key] for key in content if key != "cases"}
        if not isinstance(values, list) or not values:
            yield Case(file=file.name, index=0, kind=UNCLAIMED, value={}, context={})
            continue
        for index, value in enumerate(values):
            members = value if isinstance(value, dict) else {}
            yield Case(file=file.name, index=index, kind=kind_of(value), value=members, context=context)

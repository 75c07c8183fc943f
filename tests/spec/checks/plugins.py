"""Manifests, packages, names, schedules and sizes."""

from __future__ import annotations

import json
import os
import re
import tempfile
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from engine.errors import ManifestError, PackageError
from engine.host.cron import CronError, parse_cron
from engine.plugins.manifest import parse_manifest
from engine.plugins.package import check_member_name, open_package
from engine.quantities import parse_size
from tests.spec.cases import Case
from workbench.cli.main import main

_DEMO_MANIFEST = {
    "name": "demo",
    "author": "Test Author",
    "version": "1.0.0",
    "description": "A test plugin",
    "capabilities": ["MetadataAgent"],
}


def manifest(case: Case) -> None:
    value = case.value
    data = value["text"].encode(errors="surrogatepass") if "text" in value else json.dumps(value["manifest"]).encode()
    try:
        parse_manifest(data)
    except ManifestError as error:
        assert case.expected("valid") is False, error.summary
        assert (value.get("error") or "") in error.summary
    else:
        assert case.expected("valid") is True


def ndp_member(case: Case) -> None:
    try:
        check_member_name(case.value["name"])
    except PackageError as error:
        assert case.expected("legal") is False
        assert error.summary.endswith(case.value["name"])
    else:
        assert case.expected("legal") is True


def ndp_archive(case: Case) -> None:
    is_valid = case.expected("valid") in (True, "accept")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vector.ndp"
        _pack(file, case.value["members"])
        try:
            package = open_package(file)
        except PackageError as error:
            assert not is_valid, error.summary
            assert (case.value.get("error") or "") in error.summary
        else:
            assert is_valid
            assert package.manifest.name == "demo"


def cron(case: Case) -> None:
    zone = ZoneInfo(case.context.get("timezone", "UTC"))
    expected = case.expected("valid")
    is_valid = expected if isinstance(expected, bool) else expected == "valid"
    try:
        schedule = parse_cron(case.value["expr"], zone)
    except CronError as error:
        assert not is_valid, error.summary
        return
    assert is_valid
    if "from" in case.value:
        moment = datetime.fromisoformat(case.value["from"])
        for due in case.value["next"]:
            found = schedule.next_after(moment)
            assert found == datetime.fromisoformat(due)
            moment = found
        assert case.value["next"] or schedule.next_after(moment) is None


def cache_size(case: Case) -> None:
    assert parse_size(case.value["text"]) == case.value["bytes"]


def cli_name(case: Case) -> None:
    """Runs the command beside a folder that a careless one would reach, and looks what is left."""
    command, argument, expected = case.value["command"], case.value["argument"], case.value["safe"]
    with tempfile.TemporaryDirectory() as base:
        plugins = Path(base, "plugins")
        for folder in (plugins / "demo", *_reached_by(plugins, argument)):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "manifest.json").write_text(json.dumps(_DEMO_MANIFEST))
        before = sorted(Path(base).rglob("*"))
        status = main(["plugin", command, argument, "--plugins", str(plugins)])
        is_untouched = sorted(Path(base).rglob("*")) == before
    assert (status != 0) is expected.startswith("refused")
    wanted = re.search(r"exit (\d+)", expected)
    assert wanted is None or status == int(wanted.group(1))
    assert is_untouched or "nothing touched" not in expected


def _reached_by(plugins: Path, argument: str) -> list[Path]:
    """The folder outside the plugins folder, but in this test's own, that the argument leads to if it is joined."""
    joined = Path(os.path.normpath(os.path.join(plugins, argument.replace("\0", ""))))
    is_ours = joined.is_relative_to(plugins.parent) and not plugins.is_relative_to(joined)
    return [joined] if is_ours and not joined.is_relative_to(plugins) else []


def _pack(file: Path, members: Sequence[Mapping[str, Any]]) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.filterwarnings("ignore", "Duplicate name")
        for member in members:
            assert member.keys() <= {"name", "manifest", "text", "size"}, "a member this check cannot make"
            archive.writestr(zipfile.ZipInfo(member["name"]), _content(member), zipfile.ZIP_DEFLATED)


def _content(member: Mapping[str, Any]) -> bytes:
    if member.get("manifest"):
        return json.dumps(_DEMO_MANIFEST).encode()
    return member["text"].encode() if "text" in member else bytes(member.get("size", 0))

"""What `plugin list` and `info` say, as lines and as JSON (spec behaviour section 18).

Reads folders and manifests only: no module is compiled and nothing of a plugin runs.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence

from engine.errors import EngineError
from engine.plugins.discovery import DiscoveredPlugin
from engine.plugins.manifest import MANIFEST_NAME, Manifest
from engine.plugins.permissions import HttpPermission, Permissions, SubsonicPermission, WebSocketPermission
from workbench.inert import display_text

_COLUMNS = ("ID", "NAME", "AUTHOR", "VERSION", "CAPABILITIES", "DESCRIPTION")


# --- list


def problem(entry: DiscoveredPlugin) -> EngineError | None:
    """Why an entry cannot be loaded as it lies there; a missing module counts."""
    if entry.error is not None:
        return entry.error
    return None if entry.has_module else entry.module_error


def table(entries: Sequence[DiscoveredPlugin]) -> Iterator[str]:
    """A header and a row for each plugin, two blanks between columns."""
    rows = [_COLUMNS, *(tuple(shown(cell) for cell in _row(entry)) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[-1]]).rstrip()


def _row(entry: DiscoveredPlugin) -> tuple[str, ...]:
    error, manifest = problem(entry), entry.manifest
    if error is not None or manifest is None:
        return (entry.folder, "ERROR", "ERROR", "ERROR", "ERROR", "" if error is None else error.summary)
    return (
        entry.id,
        f"{manifest.name} (dev)" if entry.is_symlink else manifest.name,
        manifest.author or "-",
        manifest.version or "-",
        ", ".join(manifest.capabilities) or "-",
        manifest.description or "-",
    )


def row_as_json(entry: DiscoveredPlugin) -> dict[str, object]:
    """One element of the array that `plugin list --json` prints."""
    manifest, error = entry.manifest, problem(entry)
    return {
        "name": manifest.name if manifest else entry.id,
        "folder": entry.folder,
        "version": manifest.version if manifest else "",
        "author": manifest.author if manifest else "",
        "description": manifest.description if manifest else "",
        "capabilities": list(manifest.capabilities) if manifest else [],
        "dev": entry.is_symlink,
        "error": None if error is None else error.summary,
    }


# --- info


def details(entry: DiscoveredPlugin, manifest: Manifest) -> Iterator[str]:
    """Everything a manifest says, and how its files lie there."""
    yield from manifest_lines(manifest)
    yield "Files:"
    yield from (f"  {label + ':':<15}{shown(text)}" for label, text in _files(entry))
    error = problem(entry)
    if error is not None:
        yield f"Error: {shown(error.summary)}"


def manifest_lines(manifest: Manifest) -> Iterator[str]:
    """What a manifest says, with all that it asks for."""
    yield "Plugin:"
    yield f"  Name:          {shown(manifest.name)}"
    yield f"  Author:        {shown(manifest.author or '-')}"
    yield f"  Version:       {shown(manifest.version or '-')}"
    yield f"  Description:   {shown(manifest.description or '-')}"
    yield f"  Website:       {shown(manifest.website or '-')}"
    yield f"  Capabilities:  {', '.join(manifest.capabilities)}"
    yield "Required Permissions:"
    yield from (f"  {line}" for line in _permission_lines(manifest.permissions))


def details_as_json(entry: DiscoveredPlugin, manifest: Manifest) -> dict[str, object]:
    """`row_as_json` with the rest of the manifest and the files."""
    return row_as_json(entry) | {
        "website": manifest.website,
        "permissions_declared": manifest.permissions.is_declared,
        "permissions": manifest.raw.get("permissions"),
        "files": {label.lower().replace(" ", "_"): text for label, text in _files(entry)},
    }


def _permission_lines(permissions: Permissions) -> Iterator[str]:
    if not permissions.is_declared:
        yield f"none declared, these are granted: {', '.join(sorted(permissions.granted()))}"
        return
    if not permissions.granted():
        yield "none"
    for key in sorted(permissions.granted()):
        entry = getattr(permissions, key)
        yield f"{key}:"
        yield f"  Reason: {shown(entry.reason)}"
        if isinstance(entry, HttpPermission | WebSocketPermission):
            yield f"  Allow Local Network: {str(entry.allow_local_network).lower()}"
            yield "  Allowed URLs:"
            yield from (f"    {shown(line)}" for line in _url_lines(entry))
        if isinstance(entry, SubsonicPermission):
            yield f"  Allowed Usernames: {shown(', '.join(entry.allowed_usernames) or 'All Users')}"
            yield f"  Allow Admins: {str(entry.allow_admins).lower()}"


def _url_lines(entry: HttpPermission | WebSocketPermission) -> list[str]:
    if isinstance(entry, WebSocketPermission):
        return sorted(entry.allowed_urls)
    return [f"{pattern}: {', '.join(methods)}" for pattern, methods in sorted(entry.allowed_urls.items())]


def _files(entry: DiscoveredPlugin) -> Iterator[tuple[str, str]]:
    if entry.is_symlink:
        yield "Link", str(entry.entry)
    for label, path in (
        ("Folder", entry.path),
        ("Manifest", entry.path / MANIFEST_NAME),
        ("Module", entry.module_path),
    ):
        try:
            mode = stat.filemode(path.stat().st_mode)
        except OSError as error:
            mode = error.strerror or str(error)
        yield label, f"{path} ({mode})"


def shown(text: object) -> str:
    """Foreign text for one line of a terminal."""
    return display_text(str(text), limit=400)

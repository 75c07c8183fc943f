"""What `plugin info` says of a package that is not installed, as lines and as JSON (spec behaviour section 18)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from engine.plugins.package import Package
from workbench.cli.plugin_reports import manifest_lines, shown

_MAX_MEMBERS = 100


def package_lines(package: Package) -> Iterator[str]:
    """The file, its manifest, and what it holds."""
    yield "Package:"
    yield f"  Path:          {shown(package.file)}"
    yield f"  Size:          {package.size_bytes} bytes ({package.size_bytes / 1024:.2f} KB)"
    yield f"  SHA-256:       {package.sha256}"
    yield f"  Modified:      {_modified(package)}"
    yield from manifest_lines(package.manifest)
    yield "Files:"
    for member in package.members[:_MAX_MEMBERS]:
        yield f"  {shown(member.name)}  {member.size_bytes} bytes"
    if len(package.members) > _MAX_MEMBERS:
        yield f"  … {len(package.members) - _MAX_MEMBERS} more"


def package_as_json(package: Package) -> dict[str, object]:
    """The same for scripts; names of the manifest's part as in `plugin list`."""
    manifest = package.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "author": manifest.author,
        "description": manifest.description,
        "capabilities": list(manifest.capabilities),
        "website": manifest.website,
        "permissions_declared": manifest.permissions.is_declared,
        "permissions": manifest.raw.get("permissions"),
        "package": str(package.file),
        "size_bytes": package.size_bytes,
        "sha256": package.sha256,
        "modified": _modified(package),
        "files": [{"name": member.name, "size_bytes": member.size_bytes} for member in package.members],
    }


def _modified(package: Package) -> str:
    return datetime.fromtimestamp(package.modified_ns / 1e9, UTC).isoformat(timespec="seconds")

"""What is different between two loads of a plugin, in words an author recognises."""

from __future__ import annotations

from collections.abc import Iterable

from engine.plugins.manifest import Manifest
from engine.wasm.module import CompiledModule

_NAMED = 6


def describe_changes(old: tuple[Manifest, CompiledModule], new: tuple[Manifest, CompiledModule]) -> tuple[str, ...]:
    """One line per kind of difference; empty when module and manifest say the same."""
    old_manifest, old_module = old
    new_manifest, new_module = new
    lines: list[str] = []
    if old_manifest.version != new_manifest.version:
        lines.append(f"version {old_manifest.version} -> {new_manifest.version}")
    lines += _difference("capabilities", old_manifest.capabilities, new_manifest.capabilities)
    lines += _difference("permissions", old_manifest.permissions.granted(), new_manifest.permissions.granted())
    lines += _difference("exports", old_module.exports, new_module.exports)
    lines += _difference(
        "imports",
        (f"{item.module}.{item.name}" for item in old_module.imports),
        (f"{item.module}.{item.name}" for item in new_module.imports),
    )
    if old_module.sha256 == new_module.sha256:
        lines.append("same module")
    elif old_module.module_bytes != new_module.module_bytes:
        lines.append(f"size {new_module.module_bytes - old_module.module_bytes:+d} bytes")
    return tuple(lines)


def _difference(what: str, old: Iterable[str], new: Iterable[str]) -> list[str]:
    before, after = set(old), set(new)
    parts = [f"+{name}" for name in sorted(after - before)] + [f"-{name}" for name in sorted(before - after)]
    if not parts:
        return []
    rest = f" and {len(parts) - _NAMED} more" if len(parts) > _NAMED else ""
    return [f"{what} {' '.join(parts[:_NAMED])}{rest}"]

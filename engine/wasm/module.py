"""A compiled module and what can be read off it without running it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import wasmtime

from engine.wasm.tier import Tier

MAGIC: Final = b"\x00asm"
_CORE_VERSION: Final = b"\x01\x00\x00\x00"
_COMPONENT_LAYER: Final = b"\x0d\x00\x01\x00"

Signature = tuple[tuple[str, ...], tuple[str, ...]]
"""Parameter and result types by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One import: its two names and, for a function, its type."""

    module: str
    name: str
    signature: Signature | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledModule:
    """A module ready to be linked. Exports map names to the type of a function, or None for anything else."""

    module: wasmtime.Module
    sha256: str
    module_bytes: int
    code_bytes: int
    imports: tuple[Import, ...]
    exports: dict[str, Signature | None]
    has_memory: bool
    """It exports a 32-bit `memory`."""
    tier: Tier = Tier.OPTIMISED


def describe(
    module: wasmtime.Module, *, sha256: str, module_bytes: int, code_bytes: int, tier: Tier = Tier.OPTIMISED
) -> CompiledModule:
    """Read the import and export lists once, so that nobody asks wasmtime again."""
    imports = tuple(
        Import(module=item.module, name=item.name or "", signature=_signature(item.type)) for item in module.imports
    )
    exports: dict[str, Signature | None] = {}
    has_memory = False
    for item in module.exports:
        exports[item.name] = _signature(item.type)
        if item.name == "memory" and isinstance(item.type, wasmtime.MemoryType):
            has_memory = not item.type.is_64
    return CompiledModule(
        module=module,
        sha256=sha256,
        module_bytes=module_bytes,
        code_bytes=code_bytes,
        imports=imports,
        exports=exports,
        has_memory=has_memory,
        tier=tier,
    )


def refusal_of_header(data: bytes) -> str | None:
    """Why these bytes are no core WebAssembly module, in words; None when they look like one.

    wasmtime also accepts the text format where bytes are expected, so the header is judged first.
    """
    if not data:
        return "the file is empty"
    if not data.startswith(MAGIC):
        if data.lstrip()[:7] in (b"(module", b"(compon"):
            return "the file is WebAssembly text, not a binary module"
        return "the file is not a WebAssembly module (its first four bytes are not \\0asm)"
    if data[4:8] == _COMPONENT_LAYER:
        return "the file is a WebAssembly component; plugins are core modules"
    if data[4:8] != _CORE_VERSION:
        return f"unknown WebAssembly binary version {int.from_bytes(data[4:8], 'little')}"
    return None


def _signature(kind: object) -> Signature | None:
    if not isinstance(kind, wasmtime.FuncType):
        return None
    return tuple(str(item) for item in kind.params), tuple(str(item) for item in kind.results)

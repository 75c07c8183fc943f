"""Plugins for tests, written as WebAssembly text: complete modules around the one body that a test is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.contracts.registry import CAPABILITIES

TEXT_AT = 2048
"""Where `text_data` puts its bytes; below lie the fixed texts, above `HEAP_AT` the heap."""
HEAP_AT = 65536
NOT_IMPLEMENTED = "plugin:not_implemented"
_NOT_IMPLEMENTED_AT = 1024


def word(pointer: int, size: int, *, error: bool = False) -> int:
    """A packed result as the signed number that WebAssembly text wants."""
    value = (pointer << 32) | size | ((1 << 31) if error else 0)
    return value - (1 << 64) if value >= 1 << 63 else value


def answer(text: bytes, *, error: bool = False, at: int = TEXT_AT) -> tuple[str, str]:
    """A body that answers fixed bytes, and the data segment it needs."""
    escaped = "".join(f"\\{byte:02x}" for byte in text)
    return f"(i64.const {word(at, len(text), error=error)})", f'(data (i32.const {at}) "{escaped}")'


def string_field(number: int, text: str | bytes) -> bytes:
    """A protobuf string field of fewer than 128 bytes."""
    raw = text.encode() if isinstance(text, str) else text
    assert len(raw) < 128
    return bytes([number << 3 | 2, len(raw)]) + raw


def plugin_wat(
    bodies: Mapping[str, str] | None = None,
    *,
    capabilities: Sequence[str] = ("MetadataAgent",),
    imports: str = "",
    fields: str = "",
    initialize: str | None = None,
    pages: int = 4,
    drop: Sequence[str] = (),
) -> str:
    """A module with every export of `capabilities`; `bodies` maps export names to the text of their body.

    Other methods answer `plugin:not_implemented`. `fields` are further module fields (data, functions, globals),
    `drop` names exports to leave out. A body sees its arguments as $ptr and $len and may use locals $a and $b.
    """
    bodies = bodies or {}
    functions: list[str] = []
    for capability in capabilities:
        service = CAPABILITIES[capability]
        assert service.version_export is not None
        if service.version_export not in drop:
            functions.append(f'(func (export "{service.version_export}") (result i64) (i64.const 1))')
        for method in service.methods.values():
            name = method.wire_name
            if name in drop:
                continue
            body = bodies.get(name, f"(i64.const {word(_NOT_IMPLEMENTED_AT, len(NOT_IMPLEMENTED), error=True)})")
            functions.append(
                f'(func (export "{name}") (param $ptr i32) (param $len i32) (result i64)'
                f" (local $a i32) (local $b i32) {body})"
            )
    start = "" if initialize is None else f'(func (export "_initialize") {initialize})'
    malloc = "" if "malloc" in drop else _MALLOC
    free = "" if "free" in drop else '(func (export "free") (param i32))'
    memory = (
        f"(memory {'' if 'memory' in drop else (chr(40) + 'export ' + chr(34) + 'memory' + chr(34) + ')')} {pages})"
    )
    return "\n".join(
        [
            "(module",
            imports,
            memory,
            f"(global $heap (mut i32) (i32.const {HEAP_AT}))",
            f'(data (i32.const {_NOT_IMPLEMENTED_AT}) "{NOT_IMPLEMENTED}")',
            malloc,
            free,
            start,
            fields,
            *functions,
            ")",
        ]
    )


_MALLOC = """(func $malloc (export "malloc") (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (global.get $heap))
  (global.set $heap (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 7)) (i32.const -8)))
  (block $fits
    (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
    (if (i32.eq (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16)))) (i32.const -1))
      (then (return (i32.const 0)))))
  (local.get $at))"""

FD_WRITE = '(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))'
POLL_ONEOFF = '(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))'
PROC_EXIT = '(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))'
CLOCK_TIME_GET = (
    '(import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))'
)


def host_import(name: str) -> str:
    """The import of a host function, as `$name`."""
    return f'(import "env" "{name}" (func ${name} (param i32 i32) (result i64)))'


def write_stderr(text: bytes, *, at: int = 4096, descriptor: int = 2) -> tuple[str, str]:
    """A statement that writes fixed bytes to a descriptor, and the data it needs (needs `FD_WRITE`)."""
    vector = at.to_bytes(4, "little") + len(text).to_bytes(4, "little")
    escaped_text = "".join(f"\\{byte:02x}" for byte in text)
    escaped_vector = "".join(f"\\{byte:02x}" for byte in vector)
    data = f'(data (i32.const {at}) "{escaped_text}") (data (i32.const {at - 16}) "{escaped_vector}")'
    return (
        f"(drop (call $fd_write (i32.const {descriptor}) (i32.const {at - 16}) (i32.const 1) (i32.const {at - 8})))",
        data,
    )


def sleep(seconds: float, *, at: int = 3072) -> tuple[str, str]:
    """A statement that sleeps on the monotonic clock, and the data it needs (needs `POLL_ONEOFF`)."""
    subscription = bytearray(48)
    subscription[16:20] = (1).to_bytes(4, "little")
    subscription[24:32] = int(seconds * 1e9).to_bytes(8, "little")
    escaped = "".join(f"\\{byte:02x}" for byte in subscription)
    return (
        f"(drop (call $poll_oneoff (i32.const {at}) (i32.const {at + 64}) (i32.const 1) (i32.const {at + 128})))",
        f'(data (i32.const {at}) "{escaped}")',
    )

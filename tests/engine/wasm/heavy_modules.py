"""Modules that take the compiler a while, and modules that differ only in their size."""

from __future__ import annotations

from typing import Final

import wasmtime

_HEADER: Final = b"\x00asm\x01\x00\x00\x00"
_TYPE: Final = b"\x60\x01\x7f\x01\x7f"
_ADD_AND_ROTATE: Final = b"\x41\x2a\x6a\x20\x00\x77"
"""i32.const 42, i32.add, local.get 0, i32.rotl"""


def slow_module(functions: int = 30_000, *, salt: int = 0) -> bytes:
    """A module that takes half a second of processor time for every 10 000 functions; `salt` makes another hash."""
    body = b"\x00\x20\x00" + _ADD_AND_ROTATE * 40 + b"\x0b"
    return b"".join(
        (
            _HEADER,
            _section(1, _number(1) + _TYPE),
            _section(3, _number(functions) + b"\x00" * functions),
            _section(10, _number(functions) + (_number(len(body)) + body) * functions),
            _custom(salt.to_bytes(4, "little")),
        )
    )


def padded(module: bytes | str, size_bytes: int, *, salt: int = 0) -> bytes:
    """The module, from text or bytes, grown by a section that means nothing."""
    data = bytes(wasmtime.wat2wasm(module)) if isinstance(module, str) else module
    return data + _custom(salt.to_bytes(4, "little") + bytes(size_bytes))


def _custom(content: bytes) -> bytes:
    return _section(0, b"\x04salt" + content)


def _section(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + _number(len(content)) + content


def _number(value: int) -> bytes:
    """Unsigned LEB128."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])

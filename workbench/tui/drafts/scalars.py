"""Single values as people type them: text to ProtoJSON and back, for every scalar type of protobuf."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping

from google.protobuf.descriptor import FieldDescriptor

from workbench.tui.drafts.rows import FieldKind

BASE64_PREFIX = "base64:"
"""Bytes are typed as text; this prefix says that base64 follows."""

_NARROW_SIGNED = (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32)
_NARROW_UNSIGNED = (FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32)
_WIDE_SIGNED = (FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64)
_WIDE_UNSIGNED = (FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64)
_WIDE = frozenset((*_WIDE_SIGNED, *_WIDE_UNSIGNED))

_RANGES: Mapping[int, tuple[int, int]] = {
    **dict.fromkeys(_NARROW_SIGNED, (-(2**31), 2**31 - 1)),
    **dict.fromkeys(_NARROW_UNSIGNED, (0, 2**32 - 1)),
    **dict.fromkeys(_WIDE_SIGNED, (-(2**63), 2**63 - 1)),
    **dict.fromkeys(_WIDE_UNSIGNED, (0, 2**64 - 1)),
}

_KINDS: Mapping[int, FieldKind] = {
    **dict.fromkeys(_RANGES, FieldKind.INTEGER),
    FieldDescriptor.TYPE_STRING: FieldKind.TEXT,
    FieldDescriptor.TYPE_BYTES: FieldKind.BYTES,
    FieldDescriptor.TYPE_BOOL: FieldKind.FLAG,
    FieldDescriptor.TYPE_ENUM: FieldKind.CHOICE,
    FieldDescriptor.TYPE_DOUBLE: FieldKind.DECIMAL,
    FieldDescriptor.TYPE_FLOAT: FieldKind.DECIMAL,
}

_TYPE_NAMES: Mapping[int, str] = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in vars(FieldDescriptor).items()
    if name.startswith("TYPE_")
}

_INTEGER = re.compile(r"[+-]?[0-9]{1,25}")
"""Longer ones are out of every range, and converting them takes quadratic time."""

_NOT_FINITE: Mapping[str, str] = {"nan": "NaN", "inf": "Infinity", "infinity": "Infinity", "-inf": "-Infinity"}


def kind_of(field: FieldDescriptor) -> FieldKind:
    """The editor a scalar field needs."""
    return _KINDS[field.type]


def type_name(field: FieldDescriptor) -> str:
    """The type of one value of `field`, as in the `.proto` file."""
    if field.message_type is not None:
        return str(field.message_type.name)
    if field.enum_type is not None:
        return str(field.enum_type.name)
    return _TYPE_NAMES[field.type]


def parse(field: FieldDescriptor, text: str) -> object:
    """What was typed into `field`, as ProtoJSON; nothing typed is the default value.

    Raises `ValueError` with a text that fits beside the field.
    """
    match kind_of(field):
        case FieldKind.INTEGER:
            return _integer(field, text.strip())
        case FieldKind.DECIMAL:
            return _decimal(text.strip())
        case FieldKind.BYTES:
            return _bytes(text)
        case FieldKind.CHOICE:
            return _choice(field, text.strip())
        case FieldKind.FLAG:
            return _flag(text.strip())
        case _:
            return text


def write(field: FieldDescriptor, value: object) -> str:
    """A ProtoJSON value as a person would type it; a default value is an empty text."""
    kind = kind_of(field)
    if kind is FieldKind.FLAG:
        return "true" if value is True else ""
    if kind is FieldKind.BYTES:
        return _bytes_text(str(value))
    text = str(value)
    if kind is FieldKind.DECIMAL:
        return "" if text in {"0", "0.0"} else text
    return "" if kind is FieldKind.INTEGER and text == "0" else text


def _integer(field: FieldDescriptor, text: str) -> object:
    if not text:
        number = 0
    elif _INTEGER.fullmatch(text):
        number = int(text)
    else:
        raise ValueError("not a whole number")
    low, high = _RANGES[field.type]
    if not low <= number <= high:
        raise ValueError(f"outside {type_name(field)}: {low} to {high}")
    return str(number) if field.type in _WIDE else number


def _decimal(text: str) -> object:
    if text.lower() in _NOT_FINITE:
        return _NOT_FINITE[text.lower()]
    try:
        number = float(text or "0")
    except ValueError:
        raise ValueError("not a number") from None
    if not math.isfinite(number):
        raise ValueError("too large for a number")
    return number


def _bytes(text: str) -> str:
    if not text.startswith(BASE64_PREFIX):
        return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode("ascii")
    try:
        decoded = base64.b64decode(text.removeprefix(BASE64_PREFIX).strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not valid base64") from None
    return base64.b64encode(decoded).decode("ascii")


def _bytes_text(encoded: str) -> str:
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8")
    except ValueError:
        return f"{BASE64_PREFIX}{encoded}"
    is_plain = text.isprintable() and not text.startswith(BASE64_PREFIX)
    return text if is_plain else f"{BASE64_PREFIX}{encoded}"


def _choice(field: FieldDescriptor, text: str) -> object:
    assert field.enum_type is not None
    if not text:
        return 0
    if text in field.enum_type.values_by_name:
        return text
    # Enums are open: a number without a name is still sent.
    if _INTEGER.fullmatch(text) and -(2**31) <= int(text) < 2**31:
        return int(text)
    raise ValueError(f"one of {', '.join(field.enum_type.values_by_name)}, or a number")


def _flag(text: str) -> bool:
    if text not in {"", "true", "false"}:
        raise ValueError("true or false")
    return text == "true"

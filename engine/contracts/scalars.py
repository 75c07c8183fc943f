"""One JSON value against one scalar field: the rules of ProtoJSON for numbers, text, bytes, booleans and enums."""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from decimal import Decimal
from typing import Final

from google.protobuf.descriptor import FieldDescriptor as Field

_SHOWN_CHARACTERS: Final = 40
_SHOWN_BITS: Final = 128
_LONGEST_NUMBER: Final = 400
"""Characters of a number given as text; the longest exact double has fewer."""
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_NOT_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_URL_SAFE: Final = str.maketrans("-_", "+/")

_INT32: Final = (-(1 << 31), (1 << 31) - 1)
_INT64: Final = (-(1 << 63), (1 << 63) - 1)
_UINT32: Final = (0, (1 << 32) - 1)
_UINT64: Final = (0, (1 << 64) - 1)
_INTEGER_RANGES: Final = {
    Field.TYPE_INT32: _INT32,
    Field.TYPE_SINT32: _INT32,
    Field.TYPE_SFIXED32: _INT32,
    Field.TYPE_INT64: _INT64,
    Field.TYPE_SINT64: _INT64,
    Field.TYPE_SFIXED64: _INT64,
    Field.TYPE_UINT32: _UINT32,
    Field.TYPE_FIXED32: _UINT32,
    Field.TYPE_UINT64: _UINT64,
    Field.TYPE_FIXED64: _UINT64,
}


class Misfit(ValueError):
    """A value does not fit a field; the text says what was expected and what came."""


def scalar(field: Field, value: object) -> bool | int | float | str | bytes:
    """`value` as the field's Python type; raises `Misfit`. Not for fields of message type."""
    if field.type in _INTEGER_RANGES:
        return _integer(value, *_INTEGER_RANGES[field.type])
    match field.type:
        case Field.TYPE_STRING:
            return _text(value)
        case Field.TYPE_BYTES:
            return _bytes(value)
        case Field.TYPE_BOOL:
            if not isinstance(value, bool):
                raise Misfit(f"expected true or false, got {shown(value)}")
            return value
        case Field.TYPE_DOUBLE | Field.TYPE_FLOAT:
            return _float(value, is_double=field.type == Field.TYPE_DOUBLE)
        case _:
            return _enum(field, value)


def map_key(field: Field, name: object) -> bool | int | str:
    """The name of a JSON member as a key of a map field; raises `Misfit`. JSON writes all keys as text."""
    if field.type == Field.TYPE_BOOL and name in ("true", "false"):
        return name == "true"
    key = scalar(field, name)
    assert isinstance(key, bool | int | str)  # protobuf allows no other keys
    return key


def shown(value: object) -> str:
    """`value` as it looks in JSON, cut short: what a person finds again in what they wrote."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() if value.bit_length() > _SHOWN_BITS:
            return "a very large number"
        case int() | float():
            return str(value)
        case str():
            cut = value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}..."
            return f'"{cut}"'
        case bytes() | bytearray():
            return f"{len(value)} bytes"
        case list() | tuple():
            return "a list"
        case dict():
            return "an object"
        case _:
            return f"a value of type {type(value).__name__}"


def _integer(value: object, lowest: int, highest: int) -> int:
    number = _number(value)
    if number is None:
        raise Misfit(f"expected an integer, got {shown(value)}")
    # Infinities and NaN fail this comparison, so that `int` below is given small finite numbers only.
    if not lowest <= number <= highest:
        raise Misfit(f"expected an integer from {lowest} to {highest}, got {shown(value)}")
    if number != int(number):
        raise Misfit(f"expected an integer, got {shown(value)}")
    return int(number)


def _float(value: object, *, is_double: bool) -> float:
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    number = _number(value)
    if number is None:
        raise Misfit(f"expected a number, got {shown(value)}")
    if isinstance(number, float) and not math.isfinite(number):
        return number
    try:
        result = float(number)
        if not is_double:
            struct.pack("<f", result)
    except OverflowError:
        result = math.inf
    if math.isinf(result):
        raise Misfit(f"expected a number that fits {64 if is_double else 32} bits, got {shown(value)}")
    return result


def _number(value: object) -> int | float | Decimal | None:
    """A JSON number, or a text that is one; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and _NUMBER.fullmatch(value):
        return Decimal(value)
    return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Misfit(f"expected a string, got {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Misfit(f"character {error.start + 1} is half of a surrogate pair, which is no text") from error
    return value


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if not isinstance(value, str):
        raise Misfit(f"expected bytes as base64 text, got {shown(value)}")
    text = value.translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Misfit(f"expected bytes as base64 text, got {shown(value)}") from error


def _enum(field: Field, value: object) -> int:
    assert field.enum_type is not None
    if isinstance(value, str):
        known = field.enum_type.values_by_name.get(value)
        if known is None:
            choices = ", ".join(field.enum_type.values_by_name)
            raise Misfit(f"expected one of {choices}, got {shown(value)}")
        return known.number
    return _integer(value, *_INT32)

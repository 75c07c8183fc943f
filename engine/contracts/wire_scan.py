"""Reads the protobuf wire format just far enough to say what is wrong with it, and where.

protobuf's own parser is the judge of what is valid; it gives no reasons. Authors of hand-written encoders need them,
and hostile messages of very many tiny values must be seen before they are parsed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from google.protobuf.descriptor import Descriptor

MAX_VALUES: Final = 100_000
"""Most values in one message, counted at all depths; scanning so many takes some tenths of a second."""

_MAX_GROUP_DEPTH: Final = 100
_MAX_TAG: Final = (1 << 32) - 1
_MAX_VARINT_BYTES: Final = 10


class WireFault(ValueError):
    """What is wrong, with the offset of the faulty byte and the field, as one clause of a sentence."""


# Plain numbers: an enum would double the time of a scan.
_VARINT: Final = 0
_FIXED64: Final = 1
_LENGTH: Final = 2
_GROUP_START: Final = 3
_GROUP_END: Final = 4
_FIXED32: Final = 5


class _Part(NamedTuple):
    """An embedded message that is still to be scanned: the bytes [start, end), and where they belong."""

    descriptor: Descriptor
    start: int
    end: int
    prefix: str


def scan(descriptor: Descriptor, data: bytes, *, max_values: int = MAX_VALUES) -> None:
    """Raise `WireFault` for a fault in `data`, read as a message of this type.

    Does not look at text, so it may find nothing in data that the parser refuses.
    """
    scanner = _Scanner(data, max_values)
    # Embedded messages wait on a list rather than on the stack, so that no nesting is too deep.
    waiting = [_Part(descriptor, 0, len(data), "")]
    while waiting:
        waiting += scanner.part(waiting.pop())


class _Scanner:
    """The bytes of one message, and how many values were met in them."""

    def __init__(self, data: bytes, max_values: int) -> None:
        self._data = data
        self._max_values = max_values
        self._values = 0

    def part(self, part: _Part) -> list[_Part]:
        """Scan the fields of one message; the messages embedded in it."""
        embedded = []
        position = part.start
        while position < part.end:
            number, wire_type, value = self._tag(position, part.end)
            field = part.descriptor.fields_by_number.get(number)
            name = f"{part.prefix}{field.name}" if field else f"{part.prefix}field {number}"
            if wire_type == _GROUP_START:
                position = self._group(number, value, part.end, name)
                continue
            if wire_type == _GROUP_END:
                raise WireFault(f"byte {position}: {name} ends a group that was not started")
            content, position = self._value(wire_type, value, part.end, name)
            if field and field.message_type and wire_type == _LENGTH:
                embedded.append(_Part(field.message_type, content, position, f"{name}."))
        return embedded

    def _tag(self, position: int, end: int) -> tuple[int, int, int]:
        """Field number and wire type at `position`, and where the value starts."""
        self._values += 1
        if self._values > self._max_values:
            raise WireFault(f"it holds more than {self._max_values} values")
        tag, after = self._varint(position, end, "the tag of a field")
        if tag > _MAX_TAG or tag >> 3 == 0:
            raise WireFault(f"byte {position}: {tag >> 3} is not a field number")
        if tag & 7 > _FIXED32:
            raise WireFault(f"byte {position}: field {tag >> 3} has wire type {tag & 7}, which does not exist")
        return tag >> 3, tag & 7, after

    def _value(self, wire_type: int, start: int, end: int, name: str) -> tuple[int, int]:
        """The bytes [content, after) of the value that starts at `start`; not for groups."""
        if wire_type == _VARINT:
            return start, self._varint(start, end, name)[1]
        if wire_type == _LENGTH:
            size, content = self._varint(start, end, name)
        else:
            size, content = 8 if wire_type == _FIXED64 else 4, start
        if size > end - content:
            raise WireFault(f"byte {start}: {name} should be {size} bytes long, but only {end - content} are left")
        return content, content + size

    def _group(self, number: int, start: int, end: int, name: str) -> int:
        """Where a group ends; plugin contracts have none, so it can only be an unknown field."""
        open_groups = [number]
        position = start
        while open_groups:
            if position >= end:
                raise WireFault(f"byte {start}: {name} starts a group that does not end")
            inner, wire_type, value = self._tag(position, end)
            if wire_type == _GROUP_START:
                open_groups.append(inner)
                if len(open_groups) > _MAX_GROUP_DEPTH:
                    raise WireFault(f"byte {position}: groups are nested more than {_MAX_GROUP_DEPTH} deep")
                position = value
            elif wire_type == _GROUP_END:
                if open_groups.pop() != inner:
                    raise WireFault(f"byte {position}: field {inner} ends a group that was not started")
                position = value
            else:
                _, position = self._value(wire_type, value, end, f"field {inner}")
        return position

    def _varint(self, start: int, end: int, name: str) -> tuple[int, int]:
        """The number at `start` and where it ends; `name` says what it belongs to."""
        if start < end and self._data[start] < 0x80:
            return self._data[start], start + 1
        number = 0
        for index in range(_MAX_VARINT_BYTES):
            if start + index >= end:
                raise WireFault(f"byte {start}: {name} is cut off in the middle of a number")
            byte = self._data[start + index]
            number |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return number, start + index + 1
        raise WireFault(f"byte {start}: {name} has a number of more than {_MAX_VARINT_BYTES} bytes")

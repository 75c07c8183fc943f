"""Messages to bytes and back, and to JSON values and back.

The wire format (spec abi section 6) is protobuf's own; what this module adds is that guests are read leniently and that
every refusal says what is wrong where. All functions are pure and safe from any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from google.protobuf import message as protobuf_message
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from engine.contracts import lenient
from engine.contracts.building import build
from engine.contracts.pool import descriptor_of
from engine.contracts.wire_scan import WireFault, scan
from engine.errors import EngineError

__all__ = ["DecodeError", "Decoded", "build", "decode", "encode", "to_value"]

UNSCANNED_BYTES: Final = 64 * 1024
"""Messages up to this size go to the parser unseen; in longer ones the values are counted first.

An empty element of a repeated field takes two bytes on the wire and about sixty in memory: a 32 MiB answer full of them
would cost the host a gigabyte.
"""


class DecodeError(EngineError):
    """Bytes are not a valid message of the expected type; `summary` says at which byte, and of which field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A message read from bytes."""

    message: Message
    is_repaired: bool
    """Some text was not valid UTF-8; its bad bytes were replaced by U+FFFD."""


def decode(message_type: type[Message], data: bytes) -> Decoded:
    """Read a message that a guest wrote.

    Unknown fields are skipped. Invalid UTF-8 is repaired, since Navidrome lets it pass. Raises `DecodeError` for
    anything else that protobuf refuses, and for long messages of more than `wire_scan.MAX_VALUES` values.
    """
    descriptor = descriptor_of(message_type)
    try:
        if len(data) > UNSCANNED_BYTES:
            scan(descriptor, data)
        try:
            return Decoded(message=message_type.FromString(data), is_repaired=False)
        except protobuf_message.DecodeError:
            # The parser does not say why. Either the scan finds the fault, or the only one is bad UTF-8.
            scan(descriptor, data)
            return Decoded(message=message_type.FromString(lenient.repair(descriptor, data)), is_repaired=True)
    except WireFault as fault:
        raise DecodeError(f"the {len(data)} bytes are not a valid {descriptor.full_name}: {fault}") from fault
    except protobuf_message.DecodeError as error:
        raise DecodeError(f"the {len(data)} bytes are not a valid {descriptor.full_name}") from error


def encode(message: Message) -> bytes:
    """The wire form of a message; equal messages give equal bytes, whatever the order of their map entries."""
    return message.SerializeToString(deterministic=True)


def to_value(message: Message) -> dict[str, object]:
    """The message as a JSON value: ProtoJSON with the field names of the `.proto` files.

    Fields without presence are written out even when empty; 64-bit numbers are strings, bytes are base64. Fields come
    in the order of the `.proto` file, whether they are set or not, and the members of maps by key.
    """
    value: dict[str, object] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return _in_field_order(descriptor_of(message), value)


def _in_field_order(descriptor: Descriptor, value: dict[str, object]) -> dict[str, object]:
    """The library writes the set fields first; people compare answers line by line."""
    return {field.name: _ordered(field, value[field.name]) for field in descriptor.fields if field.name in value}


def _ordered(field: FieldDescriptor, value: object) -> object:
    kind = field.message_type
    if kind is None:
        return value
    if isinstance(value, list):
        return [_in_field_order(kind, element) for element in value]
    assert isinstance(value, dict)
    if kind.GetOptions().map_entry:
        return {key: _ordered(kind.fields_by_name["value"], value[key]) for key in sorted(value)}
    return _in_field_order(kind, value)

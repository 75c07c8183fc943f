"""A request to start from: every field of a message, nested ones included, in ProtoJSON form."""

from __future__ import annotations

from typing import Final, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from engine.contracts.registry import Method

_DEPTH_LIMIT: Final = 8
"""Messages that contain themselves are cut here."""

_WIDE: Final = frozenset(
    (
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED64,
    )
)


def template(method: Method) -> dict[str, object]:
    """The request of `method` with every field present: lists with one item, maps with one entry, scalars empty.

    It can be sent as it stands.
    """
    return _message(cast(Descriptor, method.request_type.DESCRIPTOR), 0)


def _message(descriptor: Descriptor, depth: int) -> dict[str, object]:
    return {field.name: _field(field, depth) for field in descriptor.fields}


def _field(field: FieldDescriptor, depth: int) -> object:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return {"key": _field(message.fields_by_name["value"], depth)}
    value = _scalar(field) if message is None else _message(message, depth + 1) if depth < _DEPTH_LIMIT else {}
    return [value] if field.is_repeated else value


def _scalar(field: FieldDescriptor) -> object:
    if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
        return ""
    if field.type == FieldDescriptor.TYPE_BOOL:
        return False
    if field.type in _WIDE:
        return "0"
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return 0.0
    return 0

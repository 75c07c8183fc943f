"""Replaces invalid UTF-8 in an encoded message by U+FFFD, wherever its type has text.

protobuf refuses such text before anyone can look at it. So each `.proto` file gets a twin in which text fields are byte
fields and maps are the repeated entries that they are on the wire: the same bytes, read without looking at text.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass


def repair(descriptor: Descriptor, data: bytes) -> bytes:
    """`data`, a message of this type, with valid text at any depth; map keys and values too.

    The result can be longer: a bad byte becomes three. Unknown fields are kept. Raises protobuf's `DecodeError` when
    `data` is malformed in other ways.
    """
    twin = GetMessageClass(_twin_pool(descriptor.file).FindMessageTypeByName(descriptor.full_name)).FromString(data)
    _repair_fields(twin, descriptor)
    return twin.SerializeToString(deterministic=True)


def _repair_fields(twin: Message, descriptor: Descriptor) -> None:
    for field, value in twin.ListFields():
        original = descriptor.fields_by_number[field.number]
        if original.type == FieldDescriptor.TYPE_STRING:
            if field.is_repeated:
                value[:] = [_valid(text) for text in value]
            else:
                setattr(twin, field.name, _valid(value))
        elif original.message_type is not None:
            children: Iterable[Message] = value if field.is_repeated else (value,)
            for child in children:
                _repair_fields(child, original.message_type)


def _valid(text: bytes) -> bytes:
    return text.decode("utf-8", errors="replace").encode()


@cache  # one small entry per .proto file
def _twin_pool(file: FileDescriptor) -> DescriptorPool:
    """A pool with nothing but the twin of `file`; the contract's files do not import each other."""
    source = FileDescriptorProto()
    file.CopyToProto(source)
    for message in source.message_type:
        _make_twin(message)
    pool = DescriptorPool()
    pool.Add(source)
    return pool


def _make_twin(message: DescriptorProto) -> None:
    message.options.ClearField("map_entry")
    for field in message.field:
        if field.type == FieldDescriptorProto.TYPE_STRING:
            field.type = FieldDescriptorProto.TYPE_BYTES
    for nested in message.nested_type:
        _make_twin(nested)

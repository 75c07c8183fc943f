"""A message with a field of every scalar type, which the plugin contract itself has no need for."""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

_SCALARS = (
    *("double", "float", "bool", "string", "bytes"),
    *("int32", "uint32", "sint32", "fixed32", "sfixed32"),
    *("int64", "uint64", "sint64", "fixed64", "sfixed64"),
)


def everything() -> type[Message]:
    """`Everything`: one field per scalar type, named `a_<type>`; `an_enum`, `flags` (map bool -> Everything)."""
    file = FileDescriptorProto(name="everything.proto", package="test", syntax="proto3")
    enum = file.enum_type.add(name="Colour")
    enum.value.add(name="GREY", number=0)
    enum.value.add(name="RED", number=3)
    message = file.message_type.add(name="Everything")
    for number, scalar in enumerate(_SCALARS, start=1):
        _add(message, f"a_{scalar}", number, FieldDescriptorProto.Type.Value(f"TYPE_{scalar.upper()}"))
    _add(message, "an_enum", 16, FieldDescriptorProto.TYPE_ENUM, type_name=".test.Colour")
    entry = message.nested_type.add(name="FlagsEntry")
    entry.options.map_entry = True
    _add(entry, "key", 1, FieldDescriptorProto.TYPE_BOOL)
    _add(entry, "value", 2, FieldDescriptorProto.TYPE_MESSAGE, type_name=".test.Everything")
    flags = _add(message, "flags", 17, FieldDescriptorProto.TYPE_MESSAGE, type_name=".test.Everything.FlagsEntry")
    flags.label = FieldDescriptorProto.LABEL_REPEATED
    texts = _add(message, "texts", 18, FieldDescriptorProto.TYPE_STRING)
    texts.label = FieldDescriptorProto.LABEL_REPEATED
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("test.Everything"))


def _add(
    message: DescriptorProto, name: str, number: int, type_: FieldDescriptorProto.Type.ValueType, type_name: str = ""
) -> FieldDescriptorProto:
    return message.field.add(
        name=name,
        number=number,
        type=type_,
        type_name=type_name or None,
        label=FieldDescriptorProto.LABEL_OPTIONAL,
    )

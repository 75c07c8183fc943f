"""Makes messages from JSON values, and says which field does not fit.

The rules are those of ProtoJSON. They are written out here, over the descriptors, because the text of protobuf's own
reader names neither the full path of a field nor what was expected there.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from engine.contracts.pool import descriptor_of
from engine.contracts.scalars import Misfit, map_key, scalar, shown
from engine.errors import InvalidRequest, Place

MessageT = TypeVar("MessageT", bound=Message)

_LONGEST_COMPARED = 100


def build(message_type: type[MessageT], value: Message | Mapping[str, object] | None) -> MessageT:
    """A new message of this type from a JSON value, from a message (copied), or from nothing (all defaults).

    Fields may be named as in the `.proto` file or in camel case; `None` leaves a field at its default; values may also
    be given as Python has them: `bytes` for bytes, messages for embedded messages. Raises `InvalidRequest` whose
    `place.pointer` names the field, such as `track.artists[0].name`.
    """
    message = message_type()
    if value is not None:
        _fill(message, value, "")
    return message


def _fill(message: Message, value: object, path: str) -> None:
    """Set the fields of `message`, new and empty, from `value`; `path` names the message, empty at the top."""
    descriptor = descriptor_of(message)
    if isinstance(value, Message):
        if not isinstance(value, type(message)):
            raise _misfit(path, f"expected {descriptor.full_name}, got {value.DESCRIPTOR.full_name}")
        message.CopyFrom(value)
        return
    if not isinstance(value, Mapping):
        raise _misfit(path, f"expected an object, got {shown(value)}", _fields_of(descriptor))
    given = set()
    for name, content in value.items():
        field = _field(descriptor, name, path)
        if field.name in given:
            raise _misfit(_join(path, field.name), "given twice, under both of its names")
        given.add(field.name)
        if content is not None:
            _set(message, field, content, _join(path, field.name))


def _set(message: Message, field: FieldDescriptor, value: object, path: str) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        _set_map(getattr(message, field.name), field.message_type, value, path)
    elif field.is_repeated:
        _set_list(getattr(message, field.name), field, value, path)
    elif field.message_type is not None:
        child = getattr(message, field.name)
        child.SetInParent()
        _fill(child, value, path)
    else:
        setattr(message, field.name, _scalar(field, value, path))


def _set_list(target: Any, field: FieldDescriptor, value: object, path: str) -> None:
    if not isinstance(value, list | tuple):
        raise _misfit(path, f"expected a list, got {shown(value)}")
    for index, content in enumerate(value):
        place = f"{path}[{index}]"
        if field.message_type is not None:
            _fill(target.add(), content, place)
        else:
            target.append(_scalar(field, content, place))


def _set_map(target: Any, entry: Descriptor, value: object, path: str) -> None:
    if not isinstance(value, Mapping):
        raise _misfit(path, f"expected an object, got {shown(value)}")
    key_field, value_field = entry.fields_by_name["key"], entry.fields_by_name["value"]
    for name, content in value.items():
        place = _join(path, str(name))
        try:
            key = map_key(key_field, name)
        except Misfit as misfit:
            raise _misfit(place, f"the key does not fit: {misfit}") from misfit
        if value_field.message_type is not None:
            _fill(target[key], content, place)
        else:
            target[key] = _scalar(value_field, content, place)


def _scalar(field: FieldDescriptor, value: object, path: str) -> object:
    try:
        return scalar(field, value)
    except Misfit as misfit:
        raise _misfit(path, str(misfit)) from misfit


def _field(descriptor: Descriptor, name: object, path: str) -> FieldDescriptor:
    if not isinstance(name, str):
        raise _misfit(path, f"expected field names, got {shown(name)}")
    field = descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)
    if field is None:
        close = difflib.get_close_matches(name[:_LONGEST_COMPARED], descriptor.fields_by_name.keys(), n=1)
        hint = f'Did you mean "{close[0]}"?' if close else _fields_of(descriptor)
        raise _misfit(_join(path, name[:_LONGEST_COMPARED]), f"{descriptor.name} has no such field", hint)
    return field


def _fields_of(descriptor: Descriptor) -> str:
    if not descriptor.fields:
        return f"{descriptor.name} has no fields: write {{}}."
    return f"The fields of {descriptor.name} are: {', '.join(field.name for field in descriptor.fields)}."


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _misfit(path: str, problem: str, hint: str | None = None) -> InvalidRequest:
    place = Place(pointer=path) if path else None
    return InvalidRequest(f"{path}: {problem}" if path else f"the request: {problem}", hint=hint, place=place)

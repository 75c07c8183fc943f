"""`field=value` on a command line: a path into the request and a text, typed by the message's descriptor.

Paths are written as in error messages: `name`, `track.album`, `track.artists[0].name`, `config.some.key`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Final, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from engine.contracts import codec
from engine.errors import InvalidRequest, Place
from engine.plugins import strict_json

BASE64_PREFIX: Final = "base64:"
"""Bytes are given as text; after this prefix as base64."""

_STEP: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<index>\[[0-9]{1,6}\])?(?P<end>\.|\Z)")


def assign(message: Message, assignments: Sequence[str]) -> Message:
    """A message like `message` with every `path=value` applied in order; `message` is left alone.

    Raises `InvalidRequest`: no such field, an item beyond the end of its list, a value of another type.
    """
    value = codec.to_value(message)
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise InvalidRequest(
                f'"{assignment}" has no "="', hint="Write --set field=value, such as --set name='Nina Simone'."
            )
        _Assignment(path, text).into(value, cast(Descriptor, message.DESCRIPTOR))
        # Built after each one, so that an error names the assignment's own path and not a later one's.
        value = codec.to_value(codec.build(type(message), value))
    return codec.build(type(message), value)


class _Assignment:
    """One path and the text for it."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text

    def into(self, value: dict[str, object], descriptor: Descriptor) -> None:
        """Set the field in `value`, a message in ProtoJSON form with every field written out."""
        rest = self._path
        while True:
            step = _STEP.match(rest)
            if step is None:
                raise self._refusal(
                    f'"{self._path}" is not a field path', hint="Paths look like track.artists[0].name."
                )
            field = descriptor.fields_by_name.get(step["name"])
            if field is None:
                # The codec words this best: it knows the fields and the nearest name.
                value[step["name"]] = self._text
                return
            rest = rest[step.end() :]
            if _is_map(field) and step["end"] == ".":
                # The key is all the rest: keys have dots of their own.
                members = value.setdefault(field.name, {})
                assert isinstance(members, dict)
                members[rest] = self._typed(_value_field(field))
                return
            if step["end"] != ".":
                self._set(value, field, step["index"])
                return
            value, descriptor = self._enter(value, field, step["index"])

    def _set(self, value: dict[str, object], field: FieldDescriptor, index: str | None) -> None:
        if index is None:
            value[field.name] = self._json() if field.is_repeated else self._typed(field)
            return
        items, position = self._item(value, field, index)
        items[position] = self._typed(field)

    def _enter(
        self, value: dict[str, object], field: FieldDescriptor, index: str | None
    ) -> tuple[dict[str, object], Descriptor]:
        inner_type = field.message_type
        if inner_type is None:
            raise self._refusal(f"{field.name} has no fields of its own", hint=f"Write --set {field.name}=VALUE.")
        if index is not None:
            items, position = self._item(value, field, index)
            inner = items[position]
        elif field.is_repeated:
            raise self._refusal(f"{field.name} is a list", hint=f"Name the item: {field.name}[0].")
        else:
            inner = value.setdefault(field.name, {})
        if inner is None:
            inner = value[field.name] = {}
        assert isinstance(inner, dict)
        return inner, inner_type

    def _item(self, value: dict[str, object], field: FieldDescriptor, index: str) -> tuple[list[object], int]:
        """The list behind `field` with room for item `index`, which may be the next one after the last."""
        if not field.is_repeated or _is_map(field):
            raise self._refusal(f"{field.name} is not a list")
        items = value.setdefault(field.name, [])
        assert isinstance(items, list)
        position = int(index[1:-1])
        if position > len(items):
            raise self._refusal(f"{field.name} has {len(items)} items", hint=f"The next one is [{len(items)}].")
        if position == len(items):
            items.append({} if field.message_type is not None else None)
        return items, position

    def _typed(self, field: FieldDescriptor) -> object:
        """The text as one value of `field`."""
        return self._json() if field.message_type is not None else _scalar(field, self._text)

    def _json(self) -> object:
        try:
            return strict_json.parse(self._text.encode("utf-8", "surrogateescape"))
        except strict_json.JsonError as error:
            raise self._refusal(
                f"the value is not JSON: {error}", hint="Lists and messages are given as JSON, or field by field."
            ) from error

    def _refusal(self, summary: str, hint: str | None = None) -> InvalidRequest:
        return InvalidRequest(summary, hint=hint, place=Place(pointer=self._path))


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _value_field(field: FieldDescriptor) -> FieldDescriptor:
    entry = field.message_type
    assert entry is not None
    return entry.fields_by_name["value"]


def _scalar(field: FieldDescriptor, text: str) -> object:
    """`text` in ProtoJSON form; numbers and enum names stay texts, which ProtoJSON allows and the codec checks."""
    if field.type == FieldDescriptor.TYPE_BOOL:
        return {"true": True, "false": False}.get(text, text)
    if field.type == FieldDescriptor.TYPE_BYTES:
        if text.startswith(BASE64_PREFIX):
            return text.removeprefix(BASE64_PREFIX)
        return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode("ascii")
    return text

"""A request as JSON text, read strictly: whatever is wrong has a line.

What JSON is belongs to `engine.plugins.strict_json`, what fits a message to `engine.contracts.codec`; here
the two are joined, so that a field error has a line too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, TypeVar

from google.protobuf.message import Message

from engine.contracts import codec
from engine.errors import InvalidRequest, Place
from engine.plugins import strict_json

TEXT_LIMIT_BYTES: Final = 16 * 1024 * 1024
"""Longest request text that is read."""

_STEPS: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")

MessageT = TypeVar("MessageT", bound=Message)


def message_from_json(message_type: type[MessageT], text: bytes, *, file: Path | None = None) -> MessageT:
    """The message that `text` describes in ProtoJSON; `file` is where it was read from, for the error's place.

    Raises `InvalidRequest` with line and column, for a syntax error and for a field that does not fit.
    """
    if len(text) > TEXT_LIMIT_BYTES:
        raise InvalidRequest(f"the request is longer than {TEXT_LIMIT_BYTES} bytes", place=Place(file=file))
    try:
        value = strict_json.parse(text)
    except strict_json.JsonError as error:
        place = Place(file=file, line=error.position.line, column=error.position.column)
        raise InvalidRequest(f"the request is not valid JSON: {error}", place=place) from error
    if not isinstance(value, dict):
        raise InvalidRequest(
            f"the request must be a JSON object, not {_kind(value)}",
            hint=f'{message_type.DESCRIPTOR.name} is written as {{"field": value, ...}}.',
            place=Place(file=file, line=1),
        )
    try:
        message = codec.build(message_type, value)
    except InvalidRequest as error:
        raise InvalidRequest(error.summary, hint=error.hint, place=_placed(error.place, text, file)) from error
    assert isinstance(message, message_type)
    return message


def _placed(place: Place | None, text: bytes, file: Path | None) -> Place:
    """Where in `text` the field that `place.pointer` names stands."""
    pointer = place.pointer if place and place.pointer else ""
    path = tuple(int(index) if index else name for index, name in _STEPS.findall(pointer))
    position = strict_json.locate(text, path)
    return Place(file=file, line=position.line, column=position.column, pointer=pointer or None)


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case _:
            return "an array"

"""A draft's request as JSON text for an editor: nothing invisible in it, errors in one line with their place."""

from __future__ import annotations

import json

from google.protobuf.message import Message

from engine.contracts import codec
from engine.errors import InvalidRequest
from workbench.requests import message_from_json

SIZE_LIMIT = 1 << 20
"""Characters of JSON text that are read; more belongs into a file and `workbench call -d @file`."""


def write_json(value: object) -> str:
    """`value` as indented JSON; characters that do not print are escaped, so that editing shows what is there."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return "".join(map(_escaped, text))


def read_json(message_type: type[Message], text: str) -> dict[str, object]:
    """The request that `text` holds, every field written out; an empty text is an empty request.

    Raises `ValueError` with line, column and reason.
    """
    if len(text) > SIZE_LIMIT:
        raise ValueError(f"{len(text)} characters are too many for this editor ({SIZE_LIMIT}): use a file")
    try:
        message = message_from_json(message_type, (text if text.strip() else "{}").encode("utf-8", "surrogatepass"))
    except InvalidRequest as problem:
        place = problem.place
        where = "" if place is None or place.line is None else f"line {place.line}"
        if where and place is not None and place.column is not None:
            where += f", column {place.column}"
        hint = f" {problem.hint}" if problem.hint else ""
        raise ValueError(f"{where}: {problem.summary}{hint}" if where else f"{problem.summary}{hint}") from problem
    return codec.to_value(message)


def _escaped(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return json.dumps(character)[1:-1]

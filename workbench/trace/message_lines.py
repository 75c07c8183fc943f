"""A protobuf message as lines to read: JSON with its bytes fields apart, as text or hex, or all of it as hex.

Whatever a plugin sends, the number of lines and the work are bounded: long fields are cut before anything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from engine.contracts.codec import encode
from workbench.inert import display_lines
from workbench.trace.masking import mask_text
from workbench.trace.wording import count_text, size_text

MAX_TEXT: Final = 64 << 10
"""Characters or bytes of one field that are shown."""
MAX_ITEMS: Final = 500
"""Items of one repeated field or map that are shown."""
MAX_HEX_BYTES: Final = 16 << 10
MAX_LINES: Final = 5_000
_MAX_DEPTH: Final = 20
_HEX_WIDTH: Final = 16


class LineKind(StrEnum):
    """What a line of a detail is, for its colour."""

    TITLE = "title"
    SECTION = "section"
    FACT = "fact"
    JSON = "json"
    TEXT = "text"
    HEX = "hex"
    ERROR = "error"
    HINT = "hint"
    NOTE = "note"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class DetailLine:
    """One line of a detail; the text is inert already."""

    kind: LineKind
    text: str


def lines_of(kind: LineKind, text: str, *, max_lines: int = MAX_LINES) -> list[DetailLine]:
    """Foreign text as lines of one kind, cut and inert."""
    is_cut = len(text) > MAX_TEXT
    lines = display_lines(text[:MAX_TEXT], limit=MAX_TEXT, max_lines=max_lines)
    found = [DetailLine(kind, line) for line in lines]
    if is_cut:
        found.append(DetailLine(LineKind.NOTE, f"… cut here, {size_text(len(text))} in all"))
    return found


def json_lines(value: object) -> list[DetailLine]:
    """A JSON value, indented."""
    return lines_of(LineKind.JSON, json.dumps(value, ensure_ascii=False, indent=2))


def hex_lines(data: bytes) -> list[DetailLine]:
    """A hex dump: offset, 16 bytes, their ASCII characters."""
    found = [
        DetailLine(LineKind.HEX, _hex_line(offset, data[offset : offset + _HEX_WIDTH]))
        for offset in range(0, min(len(data), MAX_HEX_BYTES), _HEX_WIDTH)
    ]
    if len(data) > MAX_HEX_BYTES:
        found.append(DetailLine(LineKind.NOTE, f"… {size_text(len(data) - MAX_HEX_BYTES)} more"))
    return found


def wire_lines(message: Message) -> list[DetailLine]:
    """The message in its wire encoding, as hex."""
    return hex_lines(encode(shortened(message)))


def body_lines(data: bytes, *, reveal: bool) -> list[DetailLine]:
    """The content of a bytes field: indented JSON, text, or hex; secrets in text are hidden unless `reveal`."""
    if len(data) <= MAX_TEXT:
        parsed = _as_json(data)
        if parsed is not None:
            return lines_of(LineKind.JSON, parsed if reveal else mask_text(parsed))
    text = _as_text(data[:MAX_TEXT])
    if text is None:
        return hex_lines(data)
    found = lines_of(LineKind.TEXT, text if reveal else mask_text(text))
    if len(data) > MAX_TEXT:
        found.append(DetailLine(LineKind.NOTE, f"… cut here, {size_text(len(data))} in all"))
    return found


def bytes_fields(message: Message) -> Iterator[tuple[str, bytes]]:
    """Name and content of the message's own bytes fields that are not empty."""
    for field, content in message.ListFields():
        if field.type == FieldDescriptor.TYPE_BYTES and isinstance(content, bytes):
            yield field.name, content


def shortened(message: Message, depth: int = 0) -> Message:
    """A copy with long texts, bytes and lists cut, so that showing it costs little; small messages come back as is."""
    if message.ByteSize() <= MAX_TEXT:
        return message
    copy = type(message)()
    for field, content in message.ListFields():
        if field.is_repeated:
            _copy_items(copy, field, content, depth)
        elif field.message_type is not None:
            if depth < _MAX_DEPTH:
                getattr(copy, field.name).CopyFrom(shortened(content, depth + 1))
        else:
            setattr(copy, field.name, _cut(content))
    return copy


def shortening_note(message: Message) -> DetailLine | None:
    """What to say above a message that is not shown in full; None when it is."""
    size_bytes = message.ByteSize()
    if size_bytes <= MAX_TEXT:
        return None
    most = count_text(MAX_ITEMS, "item")
    return DetailLine(
        LineKind.NOTE, f"large message, {size_text(size_bytes)}: long fields are cut, lists end after {most}"
    )


def _copy_items(copy: Message, field: FieldDescriptor, content: object, depth: int) -> None:
    target = getattr(copy, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        assert hasattr(content, "items")
        for position, (name, item) in enumerate(content.items()):
            if position >= MAX_ITEMS:
                break
            if isinstance(item, Message):
                target[_cut(name)].CopyFrom(shortened(item, depth + 1))
            else:
                target[_cut(name)] = _cut(item)
        return
    assert hasattr(content, "__getitem__")
    for item in content[:MAX_ITEMS]:
        if not isinstance(item, Message):
            target.append(_cut(item))
        elif depth < _MAX_DEPTH:
            target.append(shortened(item, depth + 1))


def _cut(content: object) -> object:
    if isinstance(content, str) and len(content) > MAX_TEXT:
        return content[:MAX_TEXT] + "…"
    return content[:MAX_TEXT] if isinstance(content, bytes) else content


def _as_json(data: bytes) -> str | None:
    if data[:1] not in (b"{", b"["):
        return None
    try:
        return json.dumps(json.loads(data), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return None


def _as_text(data: bytes) -> str | None:
    """The bytes as text, unless they look binary."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if len(data) < MAX_TEXT or error.start < len(data) - 3:
            return None
        text = data[: error.start].decode()
    controls = sum(text.count(character) for character in map(chr, (*range(9), *range(14, 27), *range(28, 32))))
    return text if controls == 0 else None


def _hex_line(offset: int, chunk: bytes) -> str:
    pairs = chunk.hex(" ").ljust(3 * _HEX_WIDTH - 1)
    letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in chunk)
    return f"{offset:08x}  {pairs[:23]}  {pairs[24:]}  {letters}"

"""The tree inside a draft: one node for each field, holding what was typed even where it does not parse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from workbench.tui.drafts.rows import FieldKind, FieldRow
from workbench.tui.drafts.scalars import kind_of, parse, type_name, write

MAX_ITEMS = 1_000
"""Items of one list or map that a draft keeps apart."""


class Node(Protocol):
    """A field, list item or map entry. Paths are given by the parent, so that removing an item renumbers the rest."""

    def rows(self, path: str, label: str, depth: int, *, is_item: bool) -> Iterator[FieldRow]:
        """The rows of this node and everything below it."""
        ...

    def walk(self, path: str) -> Iterator[tuple[str, Node]]:
        """This node and everything below it, with their paths."""
        ...

    def value(self, *, is_lenient: bool) -> object:
        """ProtoJSON; None for a message that is not set.

        Raises `ValueError` where the text does not parse; a lenient message or list leaves such parts out.
        """
        ...

    def load(self, value: object) -> None:
        """Take over a ProtoJSON value; None is the default. Raises `ValueError` for too many items."""
        ...


class TextNode:
    """A scalar field as text."""

    def __init__(self, field: FieldDescriptor) -> None:
        self._field = field
        self.text = ""

    def rows(self, path: str, label: str, depth: int, *, is_item: bool) -> Iterator[FieldRow]:
        yield FieldRow(
            path=path,
            label=label,
            kind=kind_of(self._field),
            depth=depth,
            type_name=type_name(self._field),
            text=self.text,
            is_set=self.text == "true",
            is_item=is_item,
            is_locked=not self.text.isprintable(),
            error=self._error(),
        )

    def walk(self, path: str) -> Iterator[tuple[str, Node]]:
        yield path, self

    def value(self, *, is_lenient: bool) -> object:
        return parse(self._field, self.text)

    def load(self, value: object) -> None:
        self.text = "" if value is None else write(self._field, value)

    def _error(self) -> str | None:
        try:
            parse(self._field, self.text)
        except ValueError as problem:
            return str(problem)
        return None


class EntryNode:
    """One entry of a map, typed as `key=value`."""

    def __init__(self, field: FieldDescriptor) -> None:
        assert field.message_type is not None
        self._key: FieldDescriptor = field.message_type.fields_by_name["key"]
        self._value: FieldDescriptor = field.message_type.fields_by_name["value"]
        self.text = ""
        self.is_repeated = False
        """An entry above has the same key; set by the map."""

    def entry(self) -> tuple[str, object]:
        """Key and value; raises `ValueError`."""
        key, separator, value = self.text.partition("=")
        if not separator:
            raise ValueError("write key=value")
        parse(self._key, key)
        return key, parse(self._value, value)

    def rows(self, path: str, label: str, depth: int, *, is_item: bool) -> Iterator[FieldRow]:
        error = "the same key is above" if self.is_repeated else None
        try:
            self.entry()
        except ValueError as problem:
            error = str(problem)
        yield FieldRow(
            path=path,
            label=label,
            kind=FieldKind.ENTRY,
            depth=depth,
            type_name="key=value",
            text=self.text,
            is_item=is_item,
            is_locked=not self.text.isprintable(),
            error=error,
        )

    def walk(self, path: str) -> Iterator[tuple[str, Node]]:
        yield path, self

    def value(self, *, is_lenient: bool) -> object:
        return self.entry()

    def load(self, value: object) -> None:
        """Take over a pair of key and ProtoJSON value."""
        key, given = value if isinstance(value, tuple) else ("", None)
        self.text = f"{key}={'' if given is None else write(self._value, given)}"


class ListNode:
    """A repeated field or a map: its items in order."""

    def __init__(self, field: FieldDescriptor, *, above: frozenset[str]) -> None:
        self._field = field
        self._above = above
        self._is_map = is_map(field)
        self.items: list[Node] = []

    def add(self) -> None:
        """One more item at the end; raises `ValueError` when there is no room."""
        if len(self.items) >= MAX_ITEMS:
            raise ValueError(f"a form holds at most {MAX_ITEMS} items of {self._field.name}")
        item: Node = EntryNode(self._field) if self._is_map else _single(self._field, self._above, is_item=True)
        self.items.append(item)

    def rows(self, path: str, label: str, depth: int, *, is_item: bool) -> Iterator[FieldRow]:
        self._mark_repeated_keys()
        yield FieldRow(
            path=path,
            label=label,
            kind=FieldKind.MAP if self._is_map else FieldKind.LIST,
            depth=depth,
            type_name=self._type_name(),
            count=len(self.items),
        )
        for index, item in enumerate(self.items):
            yield from item.rows(f"{path}[{index}]", f"[{index}]", depth + 1, is_item=True)

    def walk(self, path: str) -> Iterator[tuple[str, Node]]:
        yield path, self
        for index, item in enumerate(self.items):
            yield from item.walk(f"{path}[{index}]")

    def value(self, *, is_lenient: bool) -> object:
        values = []
        for item in self.items:
            try:
                values.append(item.value(is_lenient=is_lenient))
            except ValueError:
                if not is_lenient:
                    raise
        return dict(pair for pair in values if isinstance(pair, tuple)) if self._is_map else values

    def load(self, value: object) -> None:
        self.items.clear()
        if isinstance(value, Mapping):
            given: Sequence[object] = list(value.items())
        else:
            given = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
        for item in given:
            self.add()
            self.items[-1].load(item)

    def _mark_repeated_keys(self) -> None:
        seen: set[str] = set()
        for item in self.items:
            if isinstance(item, EntryNode):
                key = item.text.partition("=")[0]
                item.is_repeated = key in seen
                seen.add(key)

    def _type_name(self) -> str:
        if not self._is_map:
            return type_name(self._field)
        assert self._field.message_type is not None
        key, value = (self._field.message_type.fields_by_name[name] for name in ("key", "value"))
        return f"map<{type_name(key)}, {type_name(value)}>"


class MessageNode:
    """A message; its fields exist while it is set."""

    def __init__(self, descriptor: Descriptor, *, is_set: bool = True, above: frozenset[str] = frozenset()) -> None:
        """`above` names the types of the messages around this one."""
        self._descriptor = descriptor
        self._inside = above | {str(descriptor.full_name)}
        self.fields: dict[str, Node] = {}
        self.is_set = is_set
        self.set(is_set)

    def set(self, is_set: bool) -> None:
        """Put the message in place with empty fields, or take it away with all it holds."""
        self.is_set = is_set
        self.fields = {field.name: self._node(field) for field in self._descriptor.fields} if is_set else {}

    def _node(self, field: FieldDescriptor) -> Node:
        if field.is_repeated:
            return ListNode(field, above=self._inside)
        return _single(field, self._inside, is_item=False)

    def rows(self, path: str, label: str, depth: int, *, is_item: bool) -> Iterator[FieldRow]:
        yield FieldRow(
            path=path,
            label=label,
            kind=FieldKind.MESSAGE,
            depth=depth,
            type_name=str(self._descriptor.name),
            is_set=self.is_set,
            is_item=is_item,
        )
        yield from self.field_rows(f"{path}.", depth + 1)

    def field_rows(self, prefix: str, depth: int) -> Iterator[FieldRow]:
        """The rows of the fields alone, without a heading."""
        for name, node in self.fields.items():
            yield from node.rows(f"{prefix}{name}", name, depth, is_item=False)

    def walk(self, path: str) -> Iterator[tuple[str, Node]]:
        yield path, self
        for name, node in self.fields.items():
            yield from node.walk(f"{path}.{name}" if path else name)

    def value(self, *, is_lenient: bool) -> object:
        return self.fields_value(is_lenient=is_lenient) if self.is_set else None

    def fields_value(self, *, is_lenient: bool) -> dict[str, object]:
        """The fields as ProtoJSON; raises `ValueError` where a text does not parse, or leaves that field out."""
        values: dict[str, object] = {}
        for name, node in self.fields.items():
            try:
                value = node.value(is_lenient=is_lenient)
            except ValueError:
                if not is_lenient:
                    raise
                continue
            if value is not None:
                values[name] = value
        return values

    def load(self, value: object) -> None:
        self.set(isinstance(value, Mapping))
        if isinstance(value, Mapping):
            for name, node in self.fields.items():
                node.load(value.get(name))


def is_map(field: FieldDescriptor) -> bool:
    """True for a `map<...>` field, which descriptors show as a repeated message."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def is_same_type(one: FieldDescriptor, other: FieldDescriptor) -> bool:
    """True when a value of one field fits the other, whatever their names; map types are told by key and value."""
    if (one.type, one.is_repeated) != (other.type, other.is_repeated):
        return False
    if is_map(one) and is_map(other):
        assert one.message_type is not None and other.message_type is not None
        ours, theirs = one.message_type.fields_by_name, other.message_type.fields_by_name
        return all(is_same_type(ours[part], theirs[part]) for part in ("key", "value"))
    return _declared_type(one) == _declared_type(other)


def _declared_type(field: FieldDescriptor) -> str:
    """The message or enum that a field holds, by its full name; empty for the types of the language itself."""
    declared = field.message_type or field.enum_type
    return "" if declared is None else str(declared.full_name)


def _single(field: FieldDescriptor, above: frozenset[str], *, is_item: bool) -> Node:
    if field.message_type is None:
        return TextNode(field)
    # A message inside itself would unfold for ever; it starts out absent.
    is_set = is_item or field.message_type.full_name not in above
    return MessageNode(field.message_type, is_set=is_set, above=above)

"""A request being written: the model behind both the form and the JSON text.

It holds what was typed, also where that does not parse, and knows nothing of widgets; the engine's codec has the
last word on a finished value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from workbench.tui.drafts.nodes import EntryNode, ListNode, MessageNode, Node, TextNode, is_same_type
from workbench.tui.drafts.rows import FieldRow


class MessageDraft:
    """The text of every field of one request; starts with all fields empty. Not safe across threads."""

    def __init__(self, message_type: type[Message]) -> None:
        self.is_touched = False
        """Edited by the user: typed, filled in, or read from JSON; what `carry` brought does not count."""
        # The stubs know a second descriptor class of the C implementation, with the same attributes.
        self._descriptor = cast(Descriptor, message_type.DESCRIPTOR)
        self._root = MessageNode(self._descriptor)

    def rows(self) -> tuple[FieldRow, ...]:
        """The form as it stands, in field order, nested messages expanded."""
        return tuple(self._root.field_rows("", 0))

    def errors(self) -> Mapping[str, str]:
        """What is wrong, by path, in form order; empty when `value` can be taken."""
        return {row.path: row.error for row in self.rows() if row.error is not None}

    def value(self, *, is_lenient: bool = False) -> dict[str, object]:
        """The request as ProtoJSON with the field names of the `.proto` file.

        Raises `ValueError` while there are `errors`; with `is_lenient`, what is wrong is left out instead.
        """
        if not is_lenient and (errors := self.errors()):
            raise ValueError("; ".join(f"{path}: {text}" for path, text in errors.items()))
        return self._root.fields_value(is_lenient=is_lenient)

    def set_text(self, path: str, text: str) -> str | None:
        """Note what was typed into the row at `path`; returns what is wrong with it. `KeyError` for no such row."""
        node = self._find(path)
        if not isinstance(node, TextNode | EntryNode):
            raise KeyError(path)
        node.text = text
        self.is_touched = True
        return self.errors().get(path)

    def add(self, path: str) -> None:
        """Put a message in place, or one more item at the end of a list or map; `ValueError` when it is full."""
        node = self._find(path)
        self.is_touched = True
        if isinstance(node, ListNode):
            node.add()
        elif isinstance(node, MessageNode):
            node.set(True)
        else:
            raise KeyError(path)

    def remove(self, path: str) -> None:
        """Take an item (`artists[1]`) out of its list, or a message out of the request."""
        node = self._find(path)
        self.is_touched = True
        parent_path, _, position = path.rstrip("]").rpartition("[")
        if path.endswith("]"):
            parent = self._find(parent_path)
            assert isinstance(parent, ListNode)
            del parent.items[int(position)]
        elif isinstance(node, MessageNode):
            node.set(False)
        else:
            raise KeyError(path)

    def load(self, value: Mapping[str, object]) -> None:
        """Take over a value as `engine.contracts.codec.to_value` writes it.

        Raises `ValueError` when a list or map has more items than a form can hold; the draft is then unchanged.
        """
        fresh = MessageNode(self._descriptor)
        fresh.load(value)
        self._root = fresh
        self.is_touched = True

    def fill(self, values: Mapping[str, object]) -> tuple[str, ...]:
        """Set the top-level fields that `values` names, leave the others as they are; returns the names that fit."""
        fitting = tuple(name for name in self._root.fields if name in values)
        self.is_touched = True
        for name in fitting:
            self._root.fields[name].load(values[name])
        return fitting

    def carry(self, other: MessageDraft) -> None:
        """Begin with the fields of `other` that have name and type of one here; nothing once this `is_touched`.

        For the draft of another request that is shown instead. What does not parse stays behind.
        """
        if self.is_touched:
            return
        fresh = MessageNode(self._descriptor)
        for field in self._descriptor.fields:
            given = other._descriptor.fields_by_name.get(field.name)
            if given is None or not is_same_type(field, given):
                continue
            try:
                value = other._root.fields[field.name].value(is_lenient=True)
            except ValueError:
                continue
            fresh.fields[field.name].load(value)
        self._root = fresh

    def _find(self, path: str) -> Node:
        for here, node in self._root.walk(""):
            if here == path:
                return node
        raise KeyError(path)

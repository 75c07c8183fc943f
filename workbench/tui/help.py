"""Help for where the focus is: the text of the widget or its pane, and the keys that work there now."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import ActiveBinding, Binding
from textual.content import Content
from textual.dom import DOMNode
from textual.widget import Widget

from workbench.tui.commands import key_name

_KEY_WIDTH = 14


def help_page(node: DOMNode, bindings: Iterable[ActiveBinding]) -> Content:
    """The `HELP` texts from `node` upwards, then the keys: what the workbench offers, then plain movement."""
    parts = [Content(text.strip()) for text in help_texts(node)]
    usable = [active.binding for active in bindings if active.enabled and not active.binding.system]
    offered = [_key_line(binding) for binding in usable if binding.tooltip]
    movement = [_key_line(binding) for binding in usable if binding.description and not binding.tooltip]
    for title, lines in (("Keys", offered), ("Moving and editing", movement)):
        if lines:
            parts.append(Content("\n").join([Content(title).stylize("bold"), *dict.fromkeys(lines)]))
    return Content("\n\n").join(parts)


def help_texts(node: DOMNode) -> Iterable[str]:
    """The help of a node and everything around it, innermost first; library widgets have none of their own."""
    for ancestor in node.ancestors_with_self:
        text = ancestor.HELP if isinstance(ancestor, Widget) else None
        if text and "HELP" in type(ancestor).__dict__:
            yield text


def _key_line(binding: Binding) -> Content:
    key = binding.key_display or key_name(binding.key)
    return Content.assemble((f"{key:<{_KEY_WIDTH}}", "$text-accent"), binding.tooltip or binding.description)

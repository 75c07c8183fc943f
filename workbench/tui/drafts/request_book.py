"""Everything that was written and chosen in a sitting: a draft for each method, and each plugin's method."""

from __future__ import annotations

from collections.abc import Collection

from engine.contracts.registry import CAPABILITIES, Method
from workbench.tui.drafts.draft import MessageDraft


class RequestBook:
    """Requests being written, one for each method of every capability; they outlive the plugin in focus."""

    def __init__(self) -> None:
        self.methods = {
            method.full_name: method for service in CAPABILITIES.values() for method in service.methods.values()
        }
        """What can be called, by full name, in the order of the contract."""
        self._drafts: dict[str, MessageDraft] = {}
        self._chosen: dict[str, Method] = {}

    def choose(self, plugin: str, method: Method) -> None:
        """Remember the method that was chosen by hand for a plugin."""
        self._chosen[plugin] = method

    def method_for(self, plugin: str, declared: Collection[str], present: Method | None) -> Method:
        """The plugin's last choice, else the `present` method if its service is `declared`, else the first declared."""
        if plugin in self._chosen:
            return self._chosen[plugin]
        if present is not None and present.service in declared:
            return present
        methods = self.methods.values()
        return next((method for method in methods if method.service in declared), next(iter(methods)))

    def draft(self, method: Method, *, instead_of: Method | None = None) -> MessageDraft:
        """The draft of a method; while it is untouched, with what the draft it is shown `instead_of` has in common."""
        draft = self._drafts.setdefault(method.full_name, MessageDraft(method.request_type))
        before = None if instead_of is None else self._drafts.get(instead_of.full_name)
        if before is not None and before is not draft:
            draft.carry(before)
        return draft

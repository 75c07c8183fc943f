"""Requests being written: the model behind the form and the JSON text."""

from workbench.tui.drafts.draft import MessageDraft
from workbench.tui.drafts.request_book import RequestBook
from workbench.tui.drafts.rows import FieldKind, FieldRow

__all__ = ["FieldKind", "FieldRow", "MessageDraft", "RequestBook"]

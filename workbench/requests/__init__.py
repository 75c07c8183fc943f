"""Requests as people write them: JSON texts, assignments of single fields, templates to start from."""

from workbench.requests.assignments import assign
from workbench.requests.json_text import message_from_json
from workbench.requests.template import template

__all__ = ["assign", "message_from_json", "template"]

"""The answer of a call: outcome and timings, what Navidrome would make of it, and everything else to read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from engine.adapters.base import Verdict
from engine.calls import CallResult
from engine.errors import EngineError
from workbench.inert import display_text
from workbench.trace.message_lines import DetailLine
from workbench.tui.widgets.answer_text import answer_lines, facts_line, refusal_lines, verdict_line
from workbench.tui.widgets.detail_view import DetailView


class AnswerLines(DetailView):
    """What there is to read about an answer; secrets and hex as in the details of a trace row."""

    HELP = """\
The answer as JSON, what the plugin printed, the host calls it made. `m` shows hidden secrets, `x` the answer as hex, \
`y` copies the line under the cursor, `Y` copies everything.
"""

    def __init__(self) -> None:
        super().__init__()
        self._subject_lines: Callable[..., tuple[DetailLine, ...]] | None = None

    def show_lines(self, make_lines: Callable[..., tuple[DetailLine, ...]] | None) -> None:
        """Show what `make_lines(reveal=..., wire=...)` gives; nothing for None."""
        self._subject_lines = make_lines
        self._reveals = False
        self._read()
        self.scroll_to(y=0, animate=False, immediate=True, force=True)

    def _read(self) -> None:
        make_lines = self._subject_lines
        self._lines = () if make_lines is None else make_lines(reveal=self._reveals, wire=self._is_wire)
        self._wrap()


class AnswerView(Vertical):
    """Shows one `CallResult`, or that one is awaited, or why there is none. Emits nothing."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        super().__init__(id=id)
        self._subject = Static(classes="answer--subject")
        self._facts = Static(classes="answer--facts")
        self._verdict = Static(classes="answer--verdict")
        self._body = AnswerLines()

    def compose(self) -> ComposeResult:
        yield self._subject
        yield self._facts
        yield self._verdict
        yield self._body

    def on_mount(self) -> None:
        self._subject.display = False
        self._body.show_placeholder("The answer appears here.")
        self._show(Content())

    def show_running(self, method: str) -> None:
        """A call was sent; the answer before it goes."""
        self._body.show_placeholder("")
        self._show(Content(f"Calling {display_text(method)}…").stylize("$text-accent"))
        self._body.show_lines(None)

    def show_answer(self, result: CallResult, verdict: Verdict) -> None:
        """Show a finished call."""
        self._show(facts_line(result), verdict_line(verdict, result))
        self._body.show_lines(partial(answer_lines, result))

    def show_subject(self, subject: str) -> None:
        """Say what the answer belongs to, where that is not what stands beside it; empty hides the line."""
        self._subject.display = bool(subject)
        self._subject.update(Content(display_text(subject)))

    def show_refusal(self, error: EngineError) -> None:
        """Show why the engine did not take the call."""
        self._show(Content("Not called").stylize("bold $text-error"))
        self._body.show_lines(partial(refusal_lines, error))

    def focus_lines(self) -> None:
        """Put the focus on what there is to read."""
        self._body.focus()

    def _show(self, facts: Content, verdict: Content | None = None) -> None:
        self._facts.update(facts)
        self._facts.display = bool(facts.plain)
        self._verdict.display = verdict is not None
        self._verdict.update(verdict or Content())

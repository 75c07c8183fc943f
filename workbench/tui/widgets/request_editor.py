"""The request being written: a form and its JSON text over one draft, kept in step; the last valid edit wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from google.protobuf.message import Message as ProtoMessage
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import ContentSwitcher, Static, TextArea

from workbench.inert import display_text
from workbench.tui.drafts import MessageDraft
from workbench.tui.drafts.json_text import read_json, write_json
from workbench.tui.widgets.form_line import FormLine
from workbench.tui.widgets.message_form import MessageForm
from workbench.tui.widgets.view_bar import View, ViewBar

TYPING_PAUSE_S = 0.2
"""The JSON text is read when typing pauses for this long, and always before it is sent."""

_FORM, _JSON = "request-form", "request-json"
_VIEWS = (View(name=_FORM, key="", title="Form"), View(name=_JSON, key="", title="JSON"))


class JsonEditor(TextArea):
    """A plain text editor; what is pasted loses its control characters."""

    HELP = """\
The request as JSON, with the field names of the .proto file; 64-bit numbers are strings, bytes are base64.
It is checked as you type; the form follows the last text that fits.
"""

    def on_paste(self, event: events.Paste) -> None:
        """Only what can be seen gets in."""
        event.prevent_default()
        kept = "".join(ch for ch in event.text.replace("\t", "  ") if ch.isprintable() or ch == "\n")
        self.replace(kept, *self.selection)


class RequestEditor(Vertical):
    """Edits a `MessageDraft`; emits `RequestChanged` after each edit and `Submitted` on Enter in the form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "switch", "Form/JSON", id="request.switch", tooltip="Edit the request as form or as JSON"),
    ]

    @dataclass
    class RequestChanged(Message):
        """The request was edited; `problem` says why it cannot be sent now."""

        editor: RequestEditor
        problem: str | None

        @property
        def control(self) -> RequestEditor:
            return self.editor

    @dataclass
    class Submitted(Message):
        """The user asked to send from within a field."""

        editor: RequestEditor

        @property
        def control(self) -> RequestEditor:
            return self.editor

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        super().__init__(id=id)
        self._draft: MessageDraft | None = None
        self._message_type: type[ProtoMessage] | None = None
        self._json_problem: str | None = None
        self._known_text = ""
        """The JSON text as it was last written or read."""
        self._pause: Timer | None = None
        self._bar = ViewBar(_VIEWS)
        self._form = MessageForm(id=_FORM)
        self._json = JsonEditor(id=_JSON, compact=True, tab_behavior="focus", show_line_numbers=False)
        self._switcher = ContentSwitcher(initial=_FORM)
        self._problem = Static(id="request-problem")

    def compose(self) -> ComposeResult:
        yield self._bar
        with self._switcher:
            yield self._form
            yield self._json
        yield self._problem

    def on_mount(self) -> None:
        self._bar.show_current(frozenset({_FORM}))
        self._show_problem()

    async def show_draft(self, message_type: type[ProtoMessage], draft: MessageDraft) -> None:
        """Edit `draft` from now on, a request of `message_type`; call `finish_typing` before, for the one so far."""
        self._stop_pause()
        self._draft, self._message_type, self._json_problem = draft, message_type, None
        await self._renew()
        self._report()

    async def fill(self, values: Mapping[str, object]) -> tuple[str, ...]:
        """Set the fields that `values` names; returns those that the message has."""
        if self._draft is None:
            return ()
        self.finish_typing()
        fitting = self._draft.fill(values)
        self._json_problem = None
        await self._renew()
        self._report()
        return fitting

    @property
    def problem(self) -> str | None:
        """Why the request cannot be sent; None when it can."""
        if self._json_problem is not None:
            return f"JSON: {self._json_problem}"
        errors = self._draft.errors() if self._draft is not None else {}
        return next((f"{path}: {text}" for path, text in errors.items()), None)

    def request(self) -> Mapping[str, object] | None:
        """The request as ProtoJSON, the text as it stands now; None while there is a `problem`."""
        self.finish_typing()
        return None if self.problem is not None or self._draft is None else self._draft.value()

    def finish_typing(self) -> None:
        """Read the JSON text now if it was edited since it was last read, without waiting for a pause."""
        self._stop_pause()
        if self._switcher.current == _JSON and self._json.text != self._known_text:
            self._read_json()

    def focus_problem(self) -> None:
        """Put the cursor where the problem is."""
        if self._json_problem is not None:
            self._show(_JSON)
            self._json.focus()
        elif self._draft is not None and (path := next(iter(self._draft.errors()), None)):
            self._form.focus_path(path)

    def focus_editor(self) -> None:
        """Put the cursor into the form's first field or the JSON text."""
        if self._switcher.current == _JSON:
            self._json.focus()
        else:
            self._form.focus_first()

    @on(FormLine.Edited)
    def take_edit(self, event: FormLine.Edited) -> None:
        """A field was edited: the draft follows, and the marks."""
        event.stop()
        if self._draft is None:
            return
        try:
            self._draft.set_text(event.path, event.text)
        except KeyError:
            return  # the line was typed into while it still showed another request
        self._form.show_errors(self._draft.rows())
        self._report()

    @on(FormLine.ItemAdded)
    async def add_item(self, event: FormLine.ItemAdded) -> None:
        """A list, map or message grows."""
        event.stop()
        if self._draft is None:
            return
        try:
            self._draft.add(event.path)
        except KeyError:
            return  # the line showed another request
        except ValueError as problem:
            self.notify(display_text(str(problem)), severity="warning", markup=False)
            return
        await self._form.show_rows(self._draft.rows())
        self._report()

    @on(FormLine.ItemRemoved)
    async def remove_item(self, event: FormLine.ItemRemoved) -> None:
        """An item or message goes."""
        event.stop()
        if self._draft is None:
            return
        try:
            self._draft.remove(event.path)
        except KeyError:
            return  # the line showed another request
        await self._form.show_rows(self._draft.rows())
        self._report()

    @on(MessageForm.Submitted)
    def submit(self, event: MessageForm.Submitted) -> None:
        """Enter in the form."""
        event.stop()
        self.post_message(self.Submitted(self))

    @on(TextArea.Changed)
    def wait_for_pause(self, event: TextArea.Changed) -> None:
        """Read the JSON text once typing pauses."""
        event.stop()
        self._stop_pause()
        self._pause = self.set_timer(TYPING_PAUSE_S, self.finish_typing)

    @on(ViewBar.ViewPicked)
    async def show_picked(self, event: ViewBar.ViewPicked) -> None:
        """Form or JSON was clicked."""
        event.stop()
        await self._switch_to(event.name)

    async def action_switch(self) -> None:
        """From the form to the JSON text, or back."""
        await self._switch_to(_FORM if self._switcher.current == _JSON else _JSON)
        self.focus_editor()

    async def _switch_to(self, name: str) -> None:
        self.finish_typing()
        self._show(name)
        await self._renew()

    def _show(self, name: str) -> None:
        self._switcher.current = name
        self._bar.show_current(frozenset({name}))

    async def _renew(self) -> None:
        """Bring the visible side up to the draft; the hidden one is brought up when it is shown."""
        if self._draft is None:
            return
        if self._switcher.current == _FORM:
            await self._form.show_rows(self._draft.rows())
            self._form.freeze(self._json_problem is not None)
        elif self._json_problem is None:
            text = write_json(self._draft.value(is_lenient=True))
            self._known_text = text
            if text != self._json.text:
                with self.prevent(TextArea.Changed):
                    self._json.text = text

    def _read_json(self) -> None:
        if self._draft is None or self._message_type is None:
            return
        self._known_text = self._json.text
        try:
            self._draft.load(read_json(self._message_type, self._known_text))
            self._json_problem = None
        except ValueError as problem:
            self._json_problem = str(problem)
        self._report()

    def _report(self) -> None:
        self._show_problem()
        self.post_message(self.RequestChanged(self, self.problem))

    def _show_problem(self) -> None:
        # A wrong field is marked in the form itself; the line below is for what has no place there.
        text = f"JSON has an error: {self._json_problem}" if self._json_problem is not None else ""
        self._problem.update(Content(display_text(text)))
        self._problem.display = bool(text)

    def _stop_pause(self) -> None:
        if self._pause is not None:
            self._pause.stop()
            self._pause = None

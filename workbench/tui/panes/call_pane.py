"""The call pane: choose a method of the plugin in focus, write its request, send it, read the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from engine.adapters.base import Verdict
from engine.calls import CallResult, PluginId
from engine.contracts.registry import Method
from engine.errors import EngineError
from workbench.demo.presets import Preset
from workbench.inert import display_text
from workbench.session import PluginStatus
from workbench.tui.drafts import RequestBook
from workbench.tui.widgets.answer_view import AnswerView
from workbench.tui.widgets.method_select import MethodSelect
from workbench.tui.widgets.plugin_text import call_notice
from workbench.tui.widgets.request_editor import RequestEditor


class CallPane(Vertical):
    """Shows one request and its answer; emits `CallRequested` and `CancelRequested`."""

    HELP = """\
One capability call by hand. Choose the method, fill in the request, send it with Enter in a field, F5 or ctrl+r.
Methods that the plugin's manifest does not declare are marked: a call to one is refused, and says how to declare it.
The answer comes with its outcome, where the time went, what Navidrome would make of it, and what the plugin printed.
"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f7", "fill", "Fill", id="call.fill", tooltip="Fill in a known artist, album or track"),
        Binding("f9", "choose", "Method", id="call.method", tooltip="Choose capability and method"),
        Binding("escape", "leave", "Leave", id="call.leave", tooltip="From the fields to the answer", show=False),
    ]

    @dataclass
    class CallRequested(Message):
        """The user sends `request` (ProtoJSON) to `method` of a plugin."""

        pane: CallPane
        plugin: PluginId
        method: Method
        request: Mapping[str, object]

        @property
        def control(self) -> CallPane:
            return self.pane

    @dataclass
    class CancelRequested(Message):
        """The call under way is to be stopped."""

        pane: CallPane

        @property
        def control(self) -> CallPane:
            return self.pane

    def __init__(self, *, presets: Sequence[Preset] = (), id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        super().__init__(id=id)
        self._presets = tuple(presets)
        self._book = RequestBook()
        self._status: PluginStatus | None = None
        self._method: Method | None = None
        self._is_calling = False
        self._sent: tuple[str, str] | None = None
        """Plugin and method of the answer that is shown or awaited."""
        self._next_preset = 0

    def compose(self) -> ComposeResult:
        with Horizontal(id="call-bar"):
            yield Static(id="call-plugin")
            yield MethodSelect(id="call-method")
            yield Button(Content("Fill"), id="call-fill", compact=True, tooltip="Known values from the demo catalogue")
            yield Button(Content("Send"), id="call-send", compact=True, variant="primary", tooltip="F5 or ctrl+r")
            yield Button(Content("Cancel"), id="call-cancel", compact=True, variant="warning", tooltip="F8")
        yield Static(id="call-notice")
        with Container(id="call-body"):
            yield RequestEditor(id="call-request")
            yield AnswerView(id="call-answer")

    async def on_mount(self) -> None:
        self.query_one("#call-fill").display = bool(self._presets)
        self._show_state()

    @property
    def is_calling(self) -> bool:
        """A call was sent and has not ended."""
        return self._is_calling

    @property
    def methods(self) -> tuple[str, ...]:
        """Full names of the methods that can be chosen."""
        return tuple(self._book.methods)

    async def show_plugin(self, status: PluginStatus | None) -> None:
        """Call this plugin from now on; what was written for a method stays."""
        old, self._status = self._status, status
        self.query_one("#call-plugin", Static).update(Content(display_text(str(status.info.id)) if status else ""))
        if _declared(old) != _declared(status) or _name(old) != _name(status):
            await self._follow_plugin()
        self._show_state()

    async def show_method(self, full_name: str) -> None:
        """Choose a method."""
        method = self._book.methods[full_name]
        self._choice.show_chosen(method)
        await self._choose(method)

    def show_running(self, method: str) -> None:
        """The call was sent."""
        self._is_calling = True
        self._sent = (_name(self._status), method)
        self._answer.show_running(method)
        self._show_state()

    def show_answer(self, result: CallResult, verdict: Verdict) -> None:
        """The call ended."""
        self._is_calling = False
        self._answer.show_answer(result, verdict)
        self._show_state()

    def show_refusal(self, error: EngineError) -> None:
        """The engine did not take the call."""
        self._is_calling = False
        self._answer.show_refusal(error)
        self._show_state()

    def focus_editor(self) -> None:
        """Put the cursor into the request; into the choice of the method while there is none."""
        if self._method is None:
            self._choice.focus()
        else:
            self._editor.focus_editor()

    def focus_answer(self) -> None:
        """Put the focus on the answer, where letters are keys and edit nothing."""
        self._answer.focus_lines()

    @property
    def _choice(self) -> MethodSelect:
        return self.query_one("#call-method", MethodSelect)

    @property
    def _editor(self) -> RequestEditor:
        return self.query_one("#call-request", RequestEditor)

    @property
    def _answer(self) -> AnswerView:
        return self.query_one("#call-answer", AnswerView)

    async def _follow_plugin(self) -> None:
        """Offer the methods that fit the plugin first, and take the one that fits best."""
        declared = _declared(self._status)
        method = self._book.method_for(_name(self._status), declared, self._method)
        self._choice.show_methods(self._book.methods.values(), declared=declared, chosen=method)
        if method is not self._method:
            await self._edit(method)

    async def _choose(self, method: Method) -> None:
        self._book.choose(_name(self._status), method)
        await self._edit(method)

    async def _edit(self, method: Method) -> None:
        self._editor.finish_typing()
        before, self._method = self._method, method
        await self._editor.show_draft(method.request_type, self._book.draft(method, instead_of=before))
        self._show_state()

    def _show_state(self) -> None:
        """Buttons, keys and the notice line follow plugin, method, request and the call under way."""
        problem = self._refusal() or self._editor.problem
        self.query_one("#call-send", Button).disabled = problem is not None or self._is_calling
        self.query_one("#call-cancel").display = self._is_calling
        shown = (_name(self._status), self._method.full_name if self._method is not None else "")
        self._answer.show_subject("" if self._sent is None or self._sent == shown else f"From {' '.join(self._sent)}")
        notice = call_notice(self._status, self._method.service) if self._status and self._method else ""
        line = self.query_one("#call-notice", Static)
        line.update(Content(notice))
        line.display = bool(notice)
        self.refresh_bindings()

    def _refusal(self) -> str | None:
        if self._status is None:
            return "There is no plugin to call."
        return "Choose a method first." if self._method is None else None

    @on(MethodSelect.Changed, "#call-method")
    async def edit_chosen(self, event: MethodSelect.Changed) -> None:
        """Another method was chosen from the list; its first line, which is none, changes nothing."""
        event.stop()
        if not isinstance(event.value, str):
            if self._method is not None:
                self._choice.show_chosen(self._method)
        elif self._method is None or event.value != self._method.full_name:
            await self._choose(self._book.methods[event.value])
            self.call_after_refresh(self._editor.focus_editor)

    @on(MethodSelect.Taken)
    def go_on_typing(self, event: MethodSelect.Taken) -> None:
        """A method was chosen by key: what was typed since belongs into its form, once that has taken its place."""
        event.stop()
        # Tab goes by where the fields are on the screen.
        self.call_after_refresh(self._go_on)

    def _go_on(self) -> None:
        self.focus_editor()
        self._choice.release_keys()

    @on(RequestEditor.RequestChanged)
    def follow_request(self, event: RequestEditor.RequestChanged) -> None:
        """An edit may make the request ready to send, or not."""
        event.stop()
        self._show_state()

    @on(RequestEditor.Submitted)
    def send_submitted(self, event: RequestEditor.Submitted) -> None:
        """Enter in a field sends."""
        event.stop()
        self.send()

    @on(Button.Pressed)
    async def follow_button(self, event: Button.Pressed) -> None:
        """A button was pressed."""
        event.stop()
        match event.button.id:
            case "call-send":
                self.send()
            case "call-cancel":
                self.cancel()
            case "call-fill":
                await self.action_fill()
            case _:
                pass

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "fill" or (bool(self._presets) and self._method is not None)

    def send(self) -> None:
        """Send the request, or say why it cannot be sent and put the cursor there."""
        if self._is_calling:
            self.notify("A call is under way: cancel it with F8, or wait for its answer.", markup=False)
            return
        request = self._editor.request()
        problem = self._refusal() or self._editor.problem
        if problem is not None or request is None or self._status is None or self._method is None:
            self.notify(display_text(problem or ""), title="Not sent", severity="warning", markup=False)
            self._editor.focus_problem()
            return
        self.post_message(self.CallRequested(self, self._status.info.id, self._method, request))

    def cancel(self) -> None:
        """Ask for the call under way to be stopped."""
        if self._is_calling:
            self.post_message(self.CancelRequested(self))

    def action_leave(self) -> None:
        """Out of the fields, so that plain letters are keys again."""
        self.focus_answer()

    def action_choose(self) -> None:
        """Open the list of methods."""
        self._choice.focus()
        self._choice.action_show_overlay()

    async def action_fill(self) -> None:
        """Fill in the next preset that knows this request."""
        if self._method is None:
            return
        name = str(self._method.request_type.DESCRIPTOR.full_name)
        fitting = [preset for preset in self._presets if name in preset.values]
        if not fitting:
            self.notify(f"The demo catalogue has nothing for {name}.", markup=False)
            return
        preset = fitting[self._next_preset % len(fitting)]
        self._next_preset += 1
        await self._editor.fill(preset.values[name])


def _declared(status: PluginStatus | None) -> tuple[str, ...]:
    return () if status is None else status.info.capabilities


def _name(status: PluginStatus | None) -> str:
    return "" if status is None else str(status.info.id)

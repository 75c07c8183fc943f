"""The workbench itself: plugin list, call pane, trace and log, laid out for the size of the window.

The screen turns messages of its panes into requests to the bridge, and what comes back into `show_*` calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer

from engine.calls import PluginId
from engine.errors import EngineError
from workbench.demo.presets import PRESETS
from workbench.session import PluginStatus
from workbench.tui.bridge import Bridge
from workbench.tui.commands import PaletteEntry
from workbench.tui.errands import Errands
from workbench.tui.help import help_page
from workbench.tui.panes.call_pane import CallPane
from workbench.tui.panes.log_pane import LogPane
from workbench.tui.panes.plugins_pane import PluginsPane
from workbench.tui.panes.trace_pane import TracePane
from workbench.tui.screens.detail import DetailScreen
from workbench.tui.screens.main_commands import main_entries
from workbench.tui.screens.text_dialog import TextDialog
from workbench.tui.screens.trust_dialog import TrustDialog
from workbench.tui.screens.views import CALL, LOG, PLUGINS, TRACE, VIEWS, Views
from workbench.tui.widgets.detail_view import DetailView
from workbench.tui.widgets.plugin_text import plugin_page, summary_text
from workbench.tui.widgets.size_notice import SizeNotice
from workbench.tui.widgets.view_bar import ViewBar

DRAIN_INTERVAL_S: Final = 0.1
"""Faster only costs: a tenth of a second keeps the processor load independent of the event rate."""

STRAY_INTERVAL_S: Final = 0.5
_LIVE_TICKS: Final = 5
"""How often the time that running calls have taken is drawn anew when nothing else happens."""
_STATUS_TICKS: Final = 10
"""A build that waits for another one sends no event: once a second the states are asked for anyway."""

_ON_INIT: Final = "LifecycleManagement.OnInit"


class MainScreen(Screen[None]):
    """Owns the layout; the bridge owns everything that happens."""

    HELP = """\
F2 to F6 go to plugins, call, trace and log; with too little room one of them is shown at a time.
In a window of less than 100 columns trace and log have its whole width: F2 brings the plugins beside them, and again \
puts them away. Back in the call view they stand where they stood before.
Pick a plugin, press Enter, fill in the request, press Enter again: the answer appears, and the trace shows its host \
calls. Every action is also in the command palette (ctrl+p).
"""

    # The library declares these for instances, not for the class.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-mid"), (160, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "view('plugins')", "Plugins", id="view.plugins", show=False, tooltip="Show or hide the plugins"),
        Binding("f3", "view('call')", "Call", id="view.call", show=False, tooltip="Go to the call pane"),
        Binding("f4", "view('trace')", "Trace", id="view.trace", show=False, tooltip="Go to the trace"),
        Binding("f6", "view('log')", "Log", id="view.log", show=False, tooltip="Go to the log"),
        Binding("f5,ctrl+r", "send", "Send", id="call.send", tooltip="Send the request of the call pane"),
        Binding("f8", "cancel", "Cancel", id="call.cancel", tooltip="Stop the call under way"),
        Binding("question_mark,f1", "help", "Help", id="screen.help", key_display="?", tooltip="Help for this pane"),
        Binding("q", "app.quit", "Quit", id="screen.quit", tooltip="Leave the workbench"),
    ]

    def __init__(self, bridge: Bridge, *, read_stray: Callable[[], Sequence[str]] = tuple) -> None:
        super().__init__()
        self._bridge = bridge
        self._read_stray = read_stray
        self._errands = Errands(self)
        self._views = Views(self)
        self._plugins = PluginsPane(id=PLUGINS)
        self._call = CallPane(presets=PRESETS, id=CALL)
        self._trace = TracePane(id=TRACE)
        self._log = LogPane(id=LOG)
        self._inspector = DetailView(id="inspector")
        self._statuses: Sequence[PluginStatus] | None = None
        self._is_asking = False
        self._has_news = False
        self._ticks = 0

    def compose(self) -> ComposeResult:
        yield ViewBar(VIEWS, id="views")
        yield SizeNotice(id="too-small")
        with Horizontal(id="columns"):
            yield self._plugins
            with Vertical(id="work"):
                yield self._call
                with Container(id="lower"):
                    yield self._trace
                    yield self._log
            yield self._inspector
        yield Footer()

    def on_mount(self) -> None:
        self._views.mark()
        self._trace.show_store(self._bridge.store)
        self._log.show_store(self._bridge.store)
        self._plugins.focus_list()
        self.set_interval(DRAIN_INTERVAL_S, self.take_facts)
        self.set_interval(STRAY_INTERVAL_S, self.take_stray_output)

    def on_resize(self, event: events.Resize) -> None:
        """What the window has no room for is said, and what has the focus stays."""
        self._views.keep_focus_in_sight()
        self.query_one(SizeNotice).show_size(event.size)

    # -- facts --------------------------------------------------------------------------------------------------------

    def take_facts(self) -> None:
        """Ten times a second: let the panes follow the stores."""
        drained = self._bridge.drain()
        self._ticks += 1
        if drained.has_trace_news or self._ticks % _LIVE_TICKS == 0:
            self._trace.advance()
            self._log.advance()
            self._inspector.advance()
        if drained.build_lines:
            self._plugins.show_build_output((line.plugin, line.text) for line in drained.build_lines)
        is_due = self._ticks % _STATUS_TICKS == 0
        self._has_news = self._has_news or drained.has_plugin_news or is_due
        if self._has_news and not self._is_asking and self._bridge.is_open:
            self._has_news, self._is_asking = False, True
            self._errands.run("reading the plugins' states", self._renew_statuses())

    def take_stray_output(self) -> None:
        """Twice a second: what native code, child processes and our own log wrote goes into the log pane."""
        for line in self._read_stray():
            self._bridge.note(line)

    async def _renew_statuses(self) -> None:
        try:
            await self.show_statuses(await self._bridge.statuses())
        finally:
            self._is_asking = False

    async def show_statuses(self, statuses: Sequence[PluginStatus]) -> None:
        """Show these plugins everywhere; nothing is drawn when they are the same."""
        if statuses == self._statuses:
            return
        self._statuses = tuple(statuses)
        if not statuses:
            self._plugins.show_message(
                "No plugin was found. Put a folder with a manifest.json into the plugins folder."
            )
        self._plugins.show_statuses(statuses)
        await self._call.show_plugin(self._plugins.picked)
        self.query_one(ViewBar).show_summary(summary_text(statuses, self._bridge.unusual_fidelity))

    # -- plugins ------------------------------------------------------------------------------------------------------

    @on(PluginsPane.PluginPicked)
    async def call_picked(self, event: PluginsPane.PluginPicked) -> None:
        """The call pane calls the plugin under the cursor."""
        event.stop()
        await self._call.show_plugin(event.status)

    @on(PluginsPane.PluginOpened)
    def go_to_call(self, event: PluginsPane.PluginOpened) -> None:
        """From the plugin to its request."""
        event.stop()
        self._views.leave_list()

    @on(PluginsPane.ActionRequested)
    async def do_with_plugin(self, event: PluginsPane.ActionRequested) -> None:
        """Reload, build, trust, OnInit or details."""
        event.stop()
        plugin = event.status.info.id
        match event.action:
            case "reload":
                self._errands.run(f"reloading {plugin}", self._bridge.reload(plugin))
            case "build":
                self._errands.run(f"building {plugin}", self._bridge.build(plugin))
            case "trust":
                self._ask_trust(event.status)
            case "init":
                await self._run_on_init(event.status)
            case "detail":
                self.app.push_screen(TextDialog(title=str(plugin), body=plugin_page(event.status)))
            case _:
                raise ValueError(event.action)

    def _ask_trust(self, status: PluginStatus) -> None:
        plugin = status.info.id

        def follow(is_agreed: bool | None) -> None:
            if is_agreed:
                self._errands.run(f"building {plugin}", self._bridge.trust(status))

        if status.build_command:
            dialog = TrustDialog(
                plugin=str(plugin), folder=status.info.path, command=status.build_command, env=status.build_env
            )
            self.app.push_screen(dialog, follow)

    async def _run_on_init(self, status: PluginStatus) -> None:
        """As the engine does it at load, with the plugin's own configuration; its secrets stay out of the form."""
        if self._call.is_calling:
            self.notify("A call is under way: cancel it with F8, or wait for its answer.", markup=False)
            return
        await self._call.show_method(_ON_INIT)
        self._start_call(status.info.id, _ON_INIT, {"config": dict(self._bridge.config_of(status.info))})

    # -- calls --------------------------------------------------------------------------------------------------------

    @on(CallPane.CallRequested)
    def send_call(self, event: CallPane.CallRequested) -> None:
        """One call; its answer comes back to the pane that sent it."""
        event.stop()
        self._start_call(event.plugin, event.method.full_name, event.request)

    def _start_call(self, plugin: PluginId, method: str, request: Mapping[str, object]) -> None:
        self._call.show_running(method)
        self._errands.run(f"calling {plugin}", self._finish_call(plugin, method, request))

    async def _finish_call(self, plugin: PluginId, method: str, request: Mapping[str, object]) -> None:
        try:
            answer = await self._bridge.call(plugin, method, request)
        except EngineError as error:
            self._call.show_refusal(error)
        except Exception:
            # The pane must not wait for an answer that will never come.
            self._call.show_refusal(EngineError("the workbench failed to make this call; the log says why"))
            raise
        else:
            self._call.show_answer(answer.result, answer.verdict)

    @on(CallPane.CancelRequested)
    def cancel_call(self, event: CallPane.CancelRequested) -> None:
        """Stop the call under way."""
        event.stop()
        self._errands.run("cancelling the call", self._bridge.cancel())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "cancel" or self._call.is_calling

    def action_send(self) -> None:
        """Send what the call pane holds, from wherever the focus is, and bring its answer into sight."""
        if not self._call.region:
            self._views.show_answer()
        self._call.send()

    def action_cancel(self) -> None:
        """Stop the call under way."""
        self._call.cancel()

    # -- trace and log ------------------------------------------------------------------------------------------------

    @on(TracePane.RowHighlighted)
    def inspect_highlighted(self, event: TracePane.RowHighlighted) -> None:
        """Where there is room, the row under the cursor is explained beside the trace."""
        event.stop()
        if self.has_class("-wide"):
            self._inspector.show_subject(event.subject)

    @on(TracePane.RowPicked)
    def open_row(self, event: TracePane.RowPicked) -> None:
        """Everything about a call or host call."""
        event.stop()
        self.app.push_screen(DetailScreen(event.subject))

    @on(LogPane.EntryPicked)
    def open_entry(self, event: LogPane.EntryPicked) -> None:
        """Everything about a log entry."""
        event.stop()
        self.app.push_screen(DetailScreen(event.event))

    # -- views --------------------------------------------------------------------------------------------------------

    @on(ViewBar.ViewPicked, "#views")
    def show_picked_view(self, event: ViewBar.ViewPicked) -> None:
        """A click into the bar is as good as the key."""
        event.stop()
        self._views.show(event.name)

    def action_view(self, name: str) -> None:
        """Show a view and put the focus into it; the plugin list is hidden again from within."""
        self._views.show(name)

    # -- help and palette ---------------------------------------------------------------------------------------------

    def action_help(self) -> None:
        """What can be done where the focus is."""
        page = help_page(self.focused or self, self.active_bindings.values())
        self.app.push_screen(TextDialog(title="Help", body=page))

    def palette_entries(self) -> Iterable[PaletteEntry]:
        """What the command palette offers here."""
        return main_entries(self)

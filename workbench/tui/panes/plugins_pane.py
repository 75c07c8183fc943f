"""The plugin list: every plugin that was found with its live state, and what is to know about the one in focus."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from workbench.inert import display_text
from workbench.tui.widgets.plugin_text import plugin_facts, plugin_line

if TYPE_CHECKING:
    from workbench.session import PluginStatus

_SCROLLBAR_CELLS = 2
_BUILD_LINES = 200
_SHOWS_BUILD = frozenset({"building", "build failed", "stale", "not built"})
"""States in which the output of the last build is worth its room."""


class PluginsPane(Vertical):
    """Shows `PluginStatus` values; emits what the user asks of the plugin in focus."""

    HELP = """\
Every plugin in the folders, good or bad, with its state.
ready serves; stale serves an older version because the newest failed; not trusted waits for your word (t) before its \
build command runs; failed says why below the list. Saving a source, plugin.wasm or manifest.json reloads just that \
plugin.
"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Call", id="plugin.call", tooltip="Call this plugin by hand"),
        Binding("r", "request('reload')", "Reload", id="plugin.reload", tooltip="Read this plugin from disk again"),
        Binding("b", "request('build')", "Build", id="plugin.build", tooltip="Build this plugin from its source"),
        Binding("t", "request('trust')", "Trust", id="plugin.trust", tooltip="See its build command and allow it"),
        Binding("i", "request('init')", "OnInit", id="plugin.init", tooltip="Run LifecycleManagement.OnInit"),
        Binding("d", "request('detail')", "Details", id="plugin.detail", tooltip="Manifest, permissions, module"),
    ]

    @dataclass
    class PluginPicked(Message):
        """The cursor moved to a plugin; None when there is none."""

        pane: PluginsPane
        status: PluginStatus | None

        @property
        def control(self) -> PluginsPane:
            return self.pane

    @dataclass
    class PluginOpened(Message):
        """Enter was pressed on a plugin."""

        pane: PluginsPane
        status: PluginStatus

        @property
        def control(self) -> PluginsPane:
            return self.pane

    @dataclass
    class ActionRequested(Message):
        """Something is to be done with a plugin: `reload`, `build`, `trust`, `init` or `detail`."""

        pane: PluginsPane
        action: str
        status: PluginStatus

        @property
        def control(self) -> PluginsPane:
            return self.pane

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  # Textual's own word
        super().__init__(id=id)
        self._statuses: dict[str, PluginStatus] = {}
        self._picked: str | None = None
        self._build_lines: dict[str, deque[str]] = {}
        self._waiting_text = "Starting…"

    def compose(self) -> ComposeResult:
        yield OptionList(id="plugin-list", markup=False, compact=True)
        with VerticalScroll(id="plugin-facts", can_focus=False):
            yield Static(Content(self._waiting_text), id="plugin-facts-text")

    @property
    def picked(self) -> PluginStatus | None:
        """The plugin under the cursor."""
        return None if self._picked is None else self._statuses.get(self._picked)

    @property
    def statuses(self) -> tuple[PluginStatus, ...]:
        """All plugins of the list."""
        return tuple(self._statuses.values())

    def show_message(self, text: str) -> None:
        """Say something while there is no plugin to show: starting, nothing found, could not start."""
        self._waiting_text = text
        if not self._statuses:
            self._show_facts()

    def show_statuses(self, statuses: Sequence[PluginStatus]) -> None:
        """Show these plugins; the cursor stays on its plugin."""
        before = self.picked
        old, self._statuses = self._statuses, {_key(status): status for status in statuses}
        names = {str(status.info.id) for status in statuses}
        self._build_lines = {name: lines for name, lines in self._build_lines.items() if name in names}
        if list(old) != list(self._statuses):
            self._fill_list()
        else:
            self._renew_lines(old)
        if self.picked != before:
            self._announce()

    def show_build_output(self, output: Iterable[tuple[str, str | None]]) -> None:
        """Note lines of build output by plugin; None begins a new build, which drops the lines of the one before.

        The last lines are shown while the plugin builds, and after it failed to.
        """
        touched = set()
        for plugin, line in output:
            touched.add(plugin)
            if line is None:
                self._build_lines.pop(plugin, None)
                continue
            lines = self._build_lines.setdefault(plugin, deque(maxlen=_BUILD_LINES))
            lines.append(display_text(line))
        if self.picked is not None and self.picked.info.id in touched:
            self._show_facts()

    def pick(self, plugin: str) -> bool:
        """Move the cursor to a plugin; false when it is not in the list."""
        for index, status in enumerate(self._statuses.values()):
            if status.info.id == plugin:
                self._list.highlighted = index
                return True
        return False

    def focus_list(self) -> None:
        """Put the focus on the list."""
        self._list.focus()

    @property
    def _list(self) -> OptionList:
        return self.query_one("#plugin-list", OptionList)

    def _line_width(self) -> int:
        return max(20, self._list.size.width - _SCROLLBAR_CELLS)

    def _fill_list(self) -> None:
        width = self._line_width()
        kept = self._picked if self._picked in self._statuses else next(iter(self._statuses), None)
        self._picked = kept
        with self.prevent(OptionList.OptionHighlighted):
            self._list.clear_options()
            # Options go by position: their ids would have to be free of what plugin names may hold.
            self._list.add_options([Option(plugin_line(status, width)) for status in self._statuses.values()])
            self._list.highlighted = None if kept is None else list(self._statuses).index(kept)

    def _renew_lines(self, old: dict[str, PluginStatus]) -> None:
        width = self._line_width()
        for index, (name, status) in enumerate(self._statuses.items()):
            if old[name] != status:
                self._list.replace_option_prompt_at_index(index, plugin_line(status, width))

    def _announce(self) -> None:
        self._show_facts()
        self.refresh_bindings()
        self.post_message(self.PluginPicked(self, self.picked))

    def _show_facts(self) -> None:
        text = self.query_one("#plugin-facts-text", Static)
        status = self.picked
        if status is None:
            text.update(Content(display_text(self._waiting_text, keep_newlines=True)))
            return
        facts = plugin_facts(status)
        lines = self._build_lines.get(str(status.info.id), ())
        if lines and status.state in _SHOWS_BUILD:
            facts = Content("\n").join(
                [facts, Content(""), *(Content(line).stylize("$foreground-muted") for line in lines)]
            )
        text.update(facts)
        if status.state == "building":
            self.query_one("#plugin-facts", VerticalScroll).scroll_end(animate=False)

    @on(events.Resize)
    def fit_lines(self) -> None:
        """Draw the lines for the new width."""
        width = self._line_width()
        for index, status in enumerate(self._statuses.values()):
            self._list.replace_option_prompt_at_index(index, plugin_line(status, width))

    @on(OptionList.OptionHighlighted, "#plugin-list")
    def follow_cursor(self, event: OptionList.OptionHighlighted) -> None:
        """The cursor is on another plugin."""
        event.stop()
        names = list(self._statuses)
        if event.option_index < len(names) and names[event.option_index] != self._picked:
            self._picked = names[event.option_index]
            self._announce()

    @on(OptionList.OptionSelected, "#plugin-list")
    def open_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click on a plugin."""
        event.stop()
        self.action_open()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys for what the plugin in focus cannot do now are not shown."""
        if action not in {"open", "request"}:
            return True
        status = self.picked
        if status is None:
            return False
        if parameters == ("trust",):
            return status.state == "not trusted"
        if parameters == ("build",):
            return bool(status.build_command)
        if parameters == ("init",):
            return "LifecycleManagement" in status.info.capabilities
        return True

    def action_open(self) -> None:
        """Say that the plugin under the cursor is to be called."""
        if self.picked is not None:
            self.post_message(self.PluginOpened(self, self.picked))

    def action_request(self, action: str) -> None:
        """Say that something is to be done with the plugin under the cursor."""
        if self.picked is not None:
            self.post_message(self.ActionRequested(self, action, self.picked))


def _key(status: PluginStatus) -> str:
    """Two folders may claim one name: the second is listed too, with its error."""
    return f"{status.info.id}\0{status.info.folder}\0{status.info.path}"

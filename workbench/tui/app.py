"""The full-screen program: wires the screens to the bridge, and nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App
from textual.filter import LineFilter

from workbench.tui.commands import WorkbenchCommands
from workbench.tui.line_filter import InertLines
from workbench.tui.screens.start import StartScreen
from workbench.tui.terminal import exit_on_signals

if TYPE_CHECKING:
    from textual.screen import Screen

    from workbench.session import Session
    from workbench.tui.bridge import Bridge
    from workbench.tui.screens.main import MainScreen

_log = logging.getLogger(__name__)

STYLES: Final = tuple(
    Path(__file__).with_name("styles") / f"{name}.tcss"
    for name in ("tokens", "main", "plugins", "call", "rows", "dialogs")
)
"""The style sheets of all screens, in the order in which they are read."""


class WorkbenchApp(App[int]):
    """Paints at once, then imports the engine, opens the session and shows the workbench."""

    COMMANDS = App.COMMANDS | {WorkbenchCommands}
    CSS_PATH: ClassVar[list[str | PurePath]] = [*STYLES]

    def __init__(
        self,
        make_session: Callable[[], Session],
        *,
        title: str = "Navidrome Plugin Workbench",
        keymap: Mapping[str, str] | None = None,
        read_stray: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`make_session` runs on the session's thread; `keymap` gives other keys to binding ids.

        `read_stray` gives the lines that native code and our own log wrote past the screen since it was last asked.
        """
        super().__init__()
        self.title = title
        self.bridge: Bridge | None = None
        self._make_session = make_session
        self._own_keymap = dict(keymap or {})
        self._read_stray = read_stray
        self._status = 0

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The net below `display_text`: no control character reaches the terminal, whatever a widget does."""
        return (*super().get_line_filters(), InertLines())

    def get_default_screen(self) -> Screen[None]:
        """What is painted first."""
        return StartScreen(self.title)

    def close_session(self, timeout_s: float) -> bool:
        """Stop the engine; false when it did not stop in time. Blocks: for after the screen is gone."""
        return self.bridge is None or self.bridge.close(timeout_s)

    def on_mount(self) -> None:
        self.set_keymap(self._own_keymap)
        if not self.is_headless:
            exit_on_signals(asyncio.get_running_loop(), self._leave)
        self.call_after_refresh(self._begin)

    async def action_quit(self) -> None:
        """Leave; the session is closed once the terminal is whole again."""
        self._leave(self._status)

    def _leave(self, status: int) -> None:
        self.exit(return_code=status)

    def _begin(self) -> None:
        self.run_worker(self._go_live(), name="starting the engine", exit_on_error=False)

    async def _go_live(self) -> None:
        try:
            bridge_type, screen_type = await asyncio.to_thread(_import_engine_side)
            self.bridge = bridge_type(self._make_session)
            await self.push_screen(screen_type(self.bridge, read_stray=self._read_stray))
            await self.bridge.start()
        except Exception as error:
            # The fence around a worker: whatever keeps the engine from opening is shown, not raised.
            _log.exception("the session could not be opened")
            self._show_failure(error)

    def _show_failure(self, error: Exception) -> None:
        from engine.errors import EngineError

        start = self.screen_stack[0]
        assert isinstance(start, StartScreen)
        while len(self.screen_stack) > 1:
            self.pop_screen()
        summary, hint = (error.summary, error.hint) if isinstance(error, EngineError) else (str(error), None)
        start.show_failure(summary, hint)
        self._status = 1


def _import_engine_side() -> tuple[type[Bridge], type[MainScreen]]:
    # wasmtime, protobuf and the engine take about 0.3 s to import: they come after the first paint.
    from workbench.tui.bridge import Bridge
    from workbench.tui.screens.main import MainScreen

    return Bridge, MainScreen

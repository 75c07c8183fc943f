"""A small full-screen program for tests of guard and terminal: `guarded_app.py STRAY_LOG`, then keys."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import ClassVar

from workbench.tui.guard import run_guarded


def screen(stray_path: Path) -> int:
    """Run the screen; imported here as the real program does, after the fork."""
    import asyncio
    import subprocess

    from textual.app import App, ComposeResult
    from textual.binding import BindingType
    from textual.widgets import Static

    from workbench.tui.terminal import StrayLog, exit_on_signals, output_moved_to

    class GuardedApp(App[int]):
        BINDINGS: ClassVar[list[BindingType]] = [
            ("a", "abort", ""),
            ("w", "write_past", ""),
            ("x", "crash", ""),
            ("z", "suspend_process", ""),
            ("q", "leave(7)", ""),
        ]

        def compose(self) -> ComposeResult:
            # Not in the corner: the emulator of the tests prints what it does not know of the key protocol there.
            yield Static("\nready for keys", id="text", markup=False)

        def on_mount(self) -> None:
            exit_on_signals(asyncio.get_running_loop(), self.action_leave)

        def action_leave(self, status: int) -> None:
            self.exit(return_code=status)

        def action_abort(self) -> None:
            os.abort()

        def action_crash(self) -> None:
            raise RuntimeError("a crash with a traceback")

        def action_write_past(self) -> None:
            os.write(1, b"stray one\n")
            os.write(2, b"stray \x1b[31mtwo\n")
            subprocess.run([sys.executable, "-S", "-c", "print('stray three')"], check=True)
            self.query_one("#text", Static).update("\n" + "; ".join(repr(line) for line in stray.read_new()))

    stray = StrayLog(stray_path)
    with output_moved_to(stray):
        app = GuardedApp()
        app.run()
    stray.close()
    return app.return_code or 0


if __name__ == "__main__":
    path = Path(sys.argv[1])
    sys.exit(run_guarded(lambda: screen(path), stray_log=path))

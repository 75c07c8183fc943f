"""Opens the full screen: checks the terminal, keeps it clean, and turns the end of the program into an exit status."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.cli.diagnostics import complain
from workbench.cli.exit_codes import ExitCode
from workbench.tui.guard import run_guarded
from workbench.tui.terminal import StrayLog, output_moved_to, screen_problem

if TYPE_CHECKING:
    from workbench.session import Session

_log = logging.getLogger(__name__)

CLOSE_LIMIT_S: Final = 5.0
"""How long the session may take to stop after the screen is gone; then the process ends all the same."""

_SWITCH_INTERVAL_S: Final = 0.0005
"""Python code of host services on four threads makes a key wait 53 ms with this, 203 ms with the default."""


def run(
    make_session: Callable[[], Session],
    *,
    title: str = "Navidrome Plugin Workbench",
    keymap: Mapping[str, str] | None = None,
) -> int:
    """Show the workbench until the user leaves; returns the exit status.

    `make_session` is called on the session's own thread, after the first paint, in a child process that a guard
    watches where no thread runs yet. `keymap` gives other keys to binding ids. Without a usable terminal this says so
    on stderr and returns 1.
    """
    problem = screen_problem(os.environ, sys.stdin, sys.stderr)
    if problem is not None:
        complain(problem)
        return ExitCode.FAILED
    folder = Path(tempfile.mkdtemp(prefix="workbench-"))
    stray_log = folder / "stray-output.log"

    def program() -> int:
        return _show(make_session, title=title, keymap=keymap or {}, stray_log=stray_log)

    status = int(ExitCode.FAILED)
    try:
        # Forking a process with threads is unsafe: then the screen runs without a guard.
        status = run_guarded(program, stray_log=stray_log) if threading.active_count() == 1 else program()
    finally:
        if not _is_worth_keeping(status, stray_log):
            shutil.rmtree(folder, ignore_errors=True)
    return status


def _show(make_session: Callable[[], Session], *, title: str, keymap: Mapping[str, str], stray_log: Path) -> int:
    # The screen is imported in the guarded child only: a quarter of a second that the guard does not need.
    from workbench.tui.app import WorkbenchApp

    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    log = StrayLog(stray_log)
    _log_to(log)
    app = WorkbenchApp(make_session, title=title, keymap=keymap, read_stray=log.read_new)
    with output_moved_to(log):
        app.run()
    # The terminal is whole again; what is left may take a moment, but not for ever.
    try:
        is_closed = app.close_session(CLOSE_LIMIT_S)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    if not is_closed:
        complain(f"a plugin or build did not stop within {CLOSE_LIMIT_S:g} s and was abandoned")
    return app.return_code or 0


def _log_to(log: StrayLog) -> None:
    """Our own faults, those of threads too, go where stray output goes, and from there into the log pane."""
    threading.excepthook = _log_thread_failure
    stream = os.fdopen(os.dup(log.fileno()), "w", encoding="utf-8", errors="replace", buffering=1)
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(name)s: %(levelname)s: %(message)s", force=True)


def _log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is not None:
        name = failure.thread.name if failure.thread is not None else "?"
        _log.error("thread %s failed", name, exc_info=failure.exc_value)


def _is_worth_keeping(status: int, stray_log: Path) -> bool:
    """After a death by signal the guard has named the file; an orderly end leaves nothing behind."""
    orderly = (ExitCode.HUNG_UP, ExitCode.INTERRUPTED, ExitCode.TERMINATED)
    try:
        return status > 128 and status not in orderly and stray_log.stat().st_size > 0
    except OSError:
        return False

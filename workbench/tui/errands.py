"""Work beside the screen: a request to the engine that may take its time, and what is said when it fails."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import Any

from textual.screen import Screen

from engine.errors import EngineError
from workbench.inert import display_text

_log = logging.getLogger(__name__)


class Errands:
    """Runs coroutines as workers of one screen; none of them can end the program."""

    def __init__(self, screen: Screen[Any]) -> None:
        self._screen = screen

    def run(self, what: str, work: Coroutine[Any, Any, Any]) -> None:
        """Begin `work`; `what` names it where it fails: `reloading hello-wat`."""
        self._screen.run_worker(self._fenced(what, work), name=what, exit_on_error=False)

    async def _fenced(self, what: str, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except EngineError as error:
            self._complain(what, error.summary if error.hint is None else f"{error.summary}\n{error.hint}")
        except Exception as error:
            # The fence around a worker: our own fault costs this request, not the screen.
            _log.exception("%s failed", what)
            self._complain(what, f"The workbench failed: {error}")

    def _complain(self, what: str, text: str) -> None:
        self._screen.notify(
            display_text(text, limit=600, keep_newlines=True),
            title=display_text(f"Failed: {what}"),
            severity="error",
            markup=False,
        )

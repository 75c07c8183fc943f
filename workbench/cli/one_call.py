"""Firing one request from the command line: the request's message, an engine for one plugin, the printed result."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.message import Message

from engine import CallId, CallResult, Engine, Event, EventBus, Outcome, PluginId, Settings
from engine.contracts.registry import Method
from engine.errors import DiscoveryError, Place
from engine.events import CacheFaulted, CallStarted, CompileStarted, EngineWarned, PluginWarned
from workbench.cli import call_report
from workbench.cli.build_first import build_if_due
from workbench.cli.command import UsageError
from workbench.cli.diagnostics import complain, complain_of, place_text, say
from workbench.cli.exit_codes import ExitCode
from workbench.cli.folders import ENABLE_HINT, folders_of
from workbench.cli.installed import find_installed
from workbench.cli.interrupts import Interruption
from workbench.cli.output import print_json, print_lines
from workbench.devloop.errors import BuildError
from workbench.inert import display_lines
from workbench.requests import assign, message_from_json, template
from workbench.requests.json_text import TEXT_LIMIT_BYTES
from workbench.trace.describe import describe

_PATIENCE_S: Final = 1.0
"""A call that takes longer says that it is under way."""


def print_template(method: Method) -> int:
    """Print an example request of `method`."""
    print_json(template(method))
    return ExitCode.DONE


def request_message(method: Method, text: str | None, assignments: Sequence[str]) -> Message:
    """The request that `-d` and `--set` describe; raises `InvalidRequest` and `UsageError`."""
    message = method.request_type()
    if text is not None:
        data, file = _request_text(text)
        message = message_from_json(method.request_type, data, file=file)
    return assign(message, assignments) if assignments else message


def _request_text(argument: str) -> tuple[bytes, Path | None]:
    """What `-d` stands for, and the file it came from; raises `UsageError` for a file that cannot be read."""
    if argument == "-":
        try:
            return sys.stdin.buffer.read(TEXT_LIMIT_BYTES + 1), None
        except OSError as error:
            raise UsageError(f"cannot read the request from standard input: {error.strerror or error}") from error
    if not argument.startswith("@"):
        return argument.encode("utf-8", "surrogateescape"), None
    file = Path(argument[1:]).expanduser()
    try:
        with file.open("rb") as stream:
            return stream.read(TEXT_LIMIT_BYTES + 1), file
    except OSError as error:
        raise UsageError(f"cannot read the request from {file}: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCall:
    """One request on its way: which engine, which plugin, how the result is printed."""

    plugin: str
    method: Method
    request: Message
    timeout_s: float | None
    settings: Settings
    is_trusted: bool
    is_json: bool

    async def run(self, interruption: Interruption) -> int:
        """Build the plugin if that is due, open an engine that loads it alone, call it; the exit status."""
        if not self.settings.plugins.enabled:
            return self._refuse("plugins are disabled", hint=ENABLE_HINT)
        folders = folders_of(self.settings)
        try:
            entry = await asyncio.to_thread(find_installed, folders, self.plugin)
            await build_if_due(entry, self.settings, trusts_all=self.is_trusted)
        except DiscoveryError as error:
            complain_of(error)
            return ExitCode.USAGE
        except BuildError as error:
            return self._refuse(error.summary, hint=error.hint, place=error.place)
        bus = EventBus()
        bus.subscribe(self._mention)
        async with Engine(self.settings, folders=folders, bus=bus, preload=False) as engine:
            result = await self._fire(engine, interruption)
            if result.outcome is Outcome.LOAD_FAILED:
                info = engine.plugin(self.plugin)
                return self._refuse(result.error or "", hint=result.hint or info.hint, place=info.place, result=result)
            if self.is_json:
                print_json(call_report.as_json(result))
            else:
                print_lines(call_report.as_lines(result, engine.verdict(result)))
        return ExitCode.DONE if result.ok else ExitCode.FAILED

    def _mention(self, event: Event) -> None:
        """On any thread: what goes on meanwhile, on stderr; progress only for somebody who watches."""
        is_ours = isinstance(event, PluginWarned) and event.plugin == self.plugin
        is_progress = isinstance(event, CompileStarted) and not event.is_background and sys.stderr.isatty()
        if is_ours or is_progress or isinstance(event, EngineWarned | CacheFaulted):
            _, text = describe(event)
            say(*display_lines(text))

    async def _fire(self, engine: Engine, interruption: Interruption) -> CallResult:
        def stop_call_on_signal(event: Event) -> None:
            # The loop's own thread publishes this. From here on a signal ends the call, and its report is printed.
            # Only the first call is ours: loading the plugin for it may start an OnInit.
            if isinstance(event, CallStarted):
                unsubscribe()
                call_id = event.call_id
                interruption.on_signal = lambda: engine.cancel(call_id)

        unsubscribe = engine.bus.subscribe(stop_call_on_signal)
        # Whoever looks at a silent terminal is told that something goes on, and how to end it.
        patience = asyncio.get_running_loop().call_later(
            _PATIENCE_S, _say_on_terminal, f"waiting for {self.method.full_name}, Ctrl-C cancels"
        )
        try:
            return await engine.call(self.plugin, self.method.full_name, self.request, timeout_s=self.timeout_s)
        finally:
            patience.cancel()

    def _refuse(
        self, reason: str, *, hint: str | None, place: Place | None = None, result: CallResult | None = None
    ) -> int:
        """Say why there is nothing to call; scripts get their object all the same."""
        complain(f"{self.plugin} cannot be called: {reason}", hint=hint, place=place_text(place))
        if self.is_json:
            print_json(call_report.as_json(result or self._unloaded(reason, hint)))
        return ExitCode.NOT_LOADED

    def _unloaded(self, reason: str, hint: str | None) -> CallResult:
        return CallResult(
            call_id=CallId(0),
            plugin=PluginId(self.plugin),
            version="",
            generation=0,
            method=self.method.full_name,
            request=self.request,
            outcome=Outcome.LOAD_FAILED,
            error=reason,
            hint=hint,
        )


def _say_on_terminal(line: str) -> None:
    if sys.stderr.isatty():
        say(line)

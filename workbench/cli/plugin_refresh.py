"""`workbench plugin refresh`, `enable` and `disable`: they reach a workbench that runs on the same folder."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.cli.command import Command
from workbench.cli.diagnostics import complain, complain_of, reports_errors
from workbench.cli.exit_codes import ExitCode
from workbench.cli.output import print_json, print_lines
from workbench.cli.plugin_folders import add_json, enabled_settings, is_usable_name, root_of, searched_folders
from workbench.inert import display_text

if TYPE_CHECKING:
    from engine.plugins.discovery import DiscoveredPlugin
    from engine.settings import Settings
    from workbench.cli.interrupts import Interruption

_GRACE_S: Final = 15.0
_LONGEST_WAIT_S: Final = 3600.0
"""An OnInit without a time limit may take for ever; whoever asked for a refresh need not."""
"""For what a refresh does beside compiling and OnInit."""
_SCAN_LIMIT_S: Final = 15.0
_SERVES: Final = "ready"
_DISABLED: Final = "disabled"


def _add_name(parser: ArgumentParser) -> None:
    parser.add_argument("plugin", metavar="PLUGIN", help="name of an installed plugin, else of its folder")
    add_json(parser)


@reports_errors
def run_refresh(arguments: Namespace) -> int:
    """Have a running workbench reload a plugin, else bring it up once here to see that it can be."""
    found = _found(arguments)
    if found is None:
        return ExitCode.FAILED
    settings, entry = found
    if not arguments.json:
        print_lines([display_text(f"Refreshing plugin '{entry.id}'...")])
    limits = settings.limits
    expected_s = settings.compile_timeout_s + limits.start_timeout_s + limits.call_timeout_s + _GRACE_S
    limit_s = min(expected_s, _LONGEST_WAIT_S)
    reply = _ask(settings, entry, {"do": "refresh", "plugin": entry.id}, timeout_s=limit_s)
    is_running = reply is not None
    if reply is None:
        from workbench.cli.interrupts import run_interruptible

        results: list[Mapping[str, object]] = []

        async def bring_up(_: Interruption) -> int:
            results.append(await _bring_up(settings, entry))
            return ExitCode.DONE

        status = run_interruptible(bring_up)
        if not results:
            return status
        reply = results[0]
    return _report_refresh(arguments, entry, reply, is_running=is_running)


@reports_errors
def run_enable(arguments: Namespace) -> int:
    """Let a plugin be loaded again."""
    return _switch(arguments, is_enabled=True)


@reports_errors
def run_disable(arguments: Namespace) -> int:
    """Keep a plugin from being loaded."""
    return _switch(arguments, is_enabled=False)


def _found(arguments: Namespace) -> tuple[Settings, DiscoveredPlugin] | None:
    """The plugin that is meant; None when the command is refused, with the reason on stderr."""
    from engine.errors import UnknownPlugin
    from workbench.cli.installed import find_installed

    settings = enabled_settings(arguments)
    if settings is None or not is_usable_name(arguments.plugin):
        return None
    try:
        return settings, find_installed(searched_folders(settings), arguments.plugin)
    except UnknownPlugin as error:
        complain_of(error)
        return None


def _ask(
    settings: Settings, entry: DiscoveredPlugin, request: Mapping[str, object], *, timeout_s: float
) -> Mapping[str, object] | None:
    """The answer of the workbench that has the plugins folder open, or the plugin's own; None when none does."""
    from workbench.control.client import ControlError, ask

    for folder in (root_of(entry, settings), entry.entry, entry.path):
        try:
            reply = ask(folder, request, timeout_s=timeout_s)
        except ControlError as error:
            return {"ok": False, "error": f"the running workbench on {folder} gives no answer: {error}"}
        if reply is not None:
            return reply
    return None


async def _bring_up(settings: Settings, entry: DiscoveredPlugin) -> Mapping[str, object]:
    from engine import Engine
    from workbench.control.requests import as_json

    async with Engine(settings, folders=(root_of(entry, settings),), preload=False) as engine:
        return {"ok": True, "plugin": as_json(await engine.ready(entry.id))}


def _report_refresh(
    arguments: Namespace, entry: DiscoveredPlugin, reply: Mapping[str, object], *, is_running: bool
) -> int:
    given = reply.get("plugin")
    plugin: Mapping[str, object] = given if isinstance(given, dict) else {}
    state = plugin.get("state")
    is_done = reply.get("ok") is True and state == _SERVES
    error = plugin.get("error") or reply.get("error") or f"the plugin is {state}"
    hint, place = plugin.get("hint") or reply.get("hint"), plugin.get("place")
    if state == _DISABLED:
        error, hint = "the plugin is disabled", "Enable it: workbench plugin enable."
    if arguments.json:
        print_json(
            {
                "name": plugin.get("name") or entry.id,
                "ok": is_done,
                "version": plugin.get("version") or "",
                "state": state,
                "running_workbench": is_running,
                "error": None if is_done else str(error),
            }
        )
    if is_done:
        if not arguments.json:
            print_lines([display_text(f"Plugin '{entry.id}' refreshed successfully")])
        return ExitCode.DONE
    complain(
        f"Failed to compile refreshed plugin: {error}",
        hint=str(hint) if hint else None,
        place=str(place) if place else None,
    )
    return ExitCode.FAILED


def _switch(arguments: Namespace, *, is_enabled: bool) -> int:
    from engine.plugins.enabled import DISABLED_FILE, DisabledPlugins
    from engine.plugins.files import cause_text

    found = _found(arguments)
    if found is None:
        return ExitCode.FAILED
    settings, entry = found
    file = settings.data_folder / DISABLED_FILE
    store = DisabledPlugins(file, on_fault=complain)
    # The plugin's own folder is a project too when it was opened by itself.
    folders: tuple[Path, ...] = (root_of(entry, settings), *((entry.entry,) if is_enabled else ()))
    try:
        for folder in folders:
            store.set_disabled(folder, entry.id, is_disabled=not is_enabled)
    except OSError as error:
        complain(f"cannot remember which plugins are enabled: {cause_text(error)}", place=str(file))
        return ExitCode.FAILED
    reply = _ask(settings, entry, {"do": "scan"}, timeout_s=_SCAN_LIMIT_S)
    if reply is not None and reply.get("ok") is not True:
        complain(f"a running workbench did not take it up: {reply.get('error')}", hint="Open it anew.")
    word = "enabled" if is_enabled else "disabled"
    if arguments.json:
        print_json({"name": entry.id, "enabled": is_enabled, "running_workbench": reply is not None})
    else:
        print_lines([display_text(f"Plugin '{entry.id}' {word}")])
    return ExitCode.DONE


REFRESH: Final = Command(
    name="refresh",
    summary="Reload a plugin in the workbench that runs on its folder, else check that it loads.",
    usage="PLUGIN [--json]",
    add_arguments=_add_name,
    run=run_refresh,
)
SWITCHES: Final = (
    Command(
        name="enable",
        summary="Let a disabled plugin be loaded again.",
        usage="PLUGIN [--json]",
        add_arguments=_add_name,
        run=run_enable,
    ),
    Command(
        name="disable",
        summary="Keep a plugin listed but never loaded in this plugins folder.",
        usage="PLUGIN [--json]",
        add_arguments=_add_name,
        run=run_disable,
    ),
)

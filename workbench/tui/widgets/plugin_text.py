"""Plugins in words: the line in the list, the facts below it, the page of details, the notice above a request.

All text comes out inert.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from workbench.inert import display_text
from workbench.trace.wording import is_told

if TYPE_CHECKING:
    from engine.errors import Place
    from engine.plugins.permissions import Permissions
    from workbench.session import PluginStatus

STATE_MARKS: dict[str, tuple[str, str]] = {
    "ready": ("●", "$text-success"),
    "compiling": ("◐", "$text-accent"),
    "building": ("◐", "$text-accent"),
    "reloading": ("◐", "$text-accent"),
    "stale": ("◑", "$text-warning"),
    "not built": ("○", "$foreground-muted"),
    "not trusted": ("?", "$text-warning"),
    "build failed": ("✗", "$text-error"),
    "failed": ("✗", "$text-error"),
    "disabled": ("–", "$foreground-muted"),
}
"""Mark and style of each state of `PluginStatus`."""

_READY = "ready"
_OUT_OF_ORDER = frozenset({"not built", "not trusted", "build failed", "failed", "disabled", "stale"})
"""States in which the newest version, if there is one, does not answer."""

_UNKNOWN_MARK = ("·", "$foreground-muted")
_STATE_WIDTH = max(map(len, STATE_MARKS))
_LABEL_WIDTH = 9


def plugin_line(status: PluginStatus, width: int) -> Content:
    """One line of `width` cells: mark, id, state, and the version where there is room."""
    mark, style = STATE_MARKS.get(status.state, _UNKNOWN_MARK)
    name = Content(display_text(str(status.info.id)))
    version = Content(display_text(status.info.version, limit=12))
    room = width - 2 - 1 - _STATE_WIDTH
    has_version = room >= 15 + 1 + version.cell_length and version.cell_length > 0
    if has_version:
        room -= version.cell_length + 1
    name = name.truncate(max(4, room), ellipsis=True)
    return Content.assemble(
        (mark, style),
        " ",
        name,
        " " * max(1, room + 1 - name.cell_length),
        (f"{display_text(status.state):<{_STATE_WIDTH}}", style),
        *((" ", version.stylize("$foreground-muted")) if has_version else ()),
    )


def plugin_facts(status: PluginStatus) -> Content:
    """What matters about a plugin right now: state and reason, what to do, where; then what it is."""
    info = status.info
    mark, style = STATE_MARKS.get(status.state, _UNKNOWN_MARK)
    lines = [Content.assemble((f"{mark} {display_text(status.state)}", f"bold {style}"), _what_serves(status))]
    problem, place = _problem(status)
    if problem:
        lines.append(Content(problem).stylize(style))
    if place:
        lines.append(Content(place).stylize("$foreground-muted"))
    if status.hint:
        lines.append(Content(display_text(status.hint, limit=2_000, keep_newlines=True)))
    if status.build_command:
        lines.append(_labelled("Build", command_text(status.build_command)))
    if info.capabilities:
        lines.append(_labelled("Offers", ", ".join(map(display_text, info.capabilities))))
    return Content("\n").join(lines)


def plugin_page(status: PluginStatus) -> Content:
    """Everything known about a plugin."""
    info = status.info
    lines = [plugin_facts(status), Content("")]
    manifest = info.manifest
    if info.description:
        lines += [Content(display_text(info.description, limit=2_000, keep_newlines=True)), Content("")]
    lines.append(_labelled("Author", info.author or "-"))
    if manifest is not None and manifest.website:
        lines.append(_labelled("Website", manifest.website))
    lines.append(_labelled("Folder", str(info.path)))
    lines.append(_labelled("Linked", "yes" if info.is_dev else "no"))
    if info.module_sha256:
        lines.append(_labelled("Module", f"{info.module_bytes} bytes, SHA-256 {info.module_sha256}"))
    if manifest is not None:
        lines += [Content(""), Content("Permissions").stylize("bold"), *_permission_lines(manifest.permissions)]
    return Content("\n").join(lines)


def call_notice(status: PluginStatus, service: str) -> str:
    """What stands between a call of this service and the answer of the newest version; empty when nothing does."""
    if status.serving is not None and service not in status.info.capabilities:
        return f'Not declared: add "{service}" to "capabilities" in manifest.json to use it.'
    if status.state not in _OUT_OF_ORDER:
        return ""
    is_served = status.serving is not None
    who = status.state + _what_serves(status) if is_served else f"{status.info.id}: {status.state}"
    return ": ".join(filter(None, (display_text(who), _problem(status)[0])))


def summary_text(statuses: Sequence[PluginStatus], warning: str = "") -> Content:
    """How many plugins stand where, in the order of the list's states: `2 ready, 1 failed`.

    An inert `warning` comes first: something that holds for all of them and that nobody should take for a fault.
    """
    parts: list[str | tuple[str, str]] = [(warning, "$text-warning")] if warning else []
    for state, (_, style) in STATE_MARKS.items():
        count = sum(status.state == state for status in statuses)
        if count:
            parts += [", " if parts else "", (f"{count} {state}", style)]
    return Content.assemble(*parts)


def place_text(place: Place, folder: Path) -> str:
    """A place, inert; a file in the plugin's own folder goes by its name there."""
    if place.file is not None and place.file.is_relative_to(folder):
        place = replace(place, file=place.file.relative_to(folder))
    return display_text(str(place))


def command_text(command: str | tuple[str, ...]) -> str:
    """A command as a shell would need it, inert."""
    text = command if isinstance(command, str) else shlex.join(command)
    return display_text(text, limit=None)


def _what_serves(status: PluginStatus) -> str:
    """What follows the state: which load serves, and that it is an older one unless all is well."""
    if status.serving is not None and status.state != _READY:
        return f"; {display_text(status.serving)}, still serves"
    parts = [display_text(status.info.version)] if status.info.version else []
    if status.serving is not None:
        parts.append(f"load {status.info.generation}")
        if status.info.tier == "quick":
            parts.append("quick code, being optimised")
    return f"  {', '.join(parts)}" if parts else ""


def _problem(status: PluginStatus) -> tuple[str, str]:
    """What is wrong, as compilers say it: `file:line: what`; and the place by itself where it has more to it."""
    reason = display_text(status.reason or "", limit=2_000, keep_newlines=True)
    if status.place is None:
        return reason, ""
    where = place_text(status.place, status.info.path)
    if is_told(where, reason):
        return reason, ""
    is_plain = status.place.line is not None and not status.place.pointer and not status.place.export
    if status.place.file is None or not reason or not is_plain:
        return reason, where
    return f"{where}: {reason.removeprefix(f'{display_text(status.place.file.name)}: ')}", ""


def _permission_lines(permissions: Permissions) -> list[Content]:
    lines = []
    if not permissions.is_declared:
        lines.append(Content("No permissions declared; granted all the same:"))
    for key in sorted(permissions.granted()):
        entry = getattr(permissions, key)
        lines.append(_labelled(key, entry.reason))
        allowed = getattr(entry, "allowed_urls", ())
        for pattern in allowed:
            methods = f"  {' '.join(allowed[pattern])}" if key == "http" else ""
            lines.append(_labelled("", f"{pattern}{methods}"))
        if getattr(entry, "allow_local_network", False):
            lines.append(_labelled("", "local network allowed"))
    return lines or [Content("None.")]


def _labelled(label: str, text: str) -> Content:
    name = f"{display_text(label):<{_LABEL_WIDTH}}"
    return Content.assemble((name, "$foreground-muted"), display_text(text, limit=None))

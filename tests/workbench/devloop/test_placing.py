"""What a build step leaves behind is foreign: only a regular file of a module's size ever becomes plugin.wasm."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from engine.calls import OutputStream
from workbench.devloop.build_config import Recipe
from workbench.devloop.builder import Builder
from workbench.devloop.errors import BuildError
from workbench.devloop.toolchain import Toolchain

LIMIT_BYTES = 16

INTO_THE_MARK = ("{output}", "plugin.wasm")
ELSEWHERE = ("made.bin", "made.bin")
IN_PLACE = ("plugin.wasm", "plugin.wasm")
TARGETS = [INTO_THE_MARK, ELSEWHERE, IN_PLACE]
"""What a script writes to, and `output` of workbench.toml."""


def _ignore(line: str, stream: OutputStream) -> None:
    """Nobody reads the output here."""


def shell(script: str, target: tuple[str, str]) -> Recipe:
    """A recipe whose script has the file to write in `$0`."""
    written, output = target
    return Recipe(command=("sh", "-c", script, written), env={}, sources=("**/*",), output=output)


def content(folder: Path) -> str:
    """What the module holds; looks first, as reading a device would never end."""
    module = folder / "plugin.wasm"
    assert stat.S_ISREG(module.lstat().st_mode)
    assert module.stat().st_size <= LIMIT_BYTES
    return module.read_text()


@pytest.fixture
async def builder(tmp_path: Path) -> Builder:
    return Builder(Toolchain(tmp_path / "cache"), limit_s=10, module_limit_bytes=LIMIT_BYTES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plugin's folder with a good module."""
    folder = tmp_path / "plugin"
    folder.mkdir()
    (folder / "plugin.wasm").write_text("good")
    return folder


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("makes", ["ln -s /dev/zero $0", "mkfifo $0", "mkdir $0", "ln -s . $0"])
async def test_what_is_no_regular_file_is_a_failed_build(
    folder: Path, builder: Builder, makes: str, target: tuple[str, str]
) -> None:
    with pytest.raises(BuildError) as raised:
        await builder.build(folder, shell(f"rm -f $0; {makes}", target), _ignore)
    if target is IN_PLACE and makes.startswith("mkdir"):
        assert raised.value.summary.startswith("cannot write into")  # the module cannot be moved onto a folder
        return
    assert raised.value.summary == f"`sh` ended well but {target[0]} cannot be read: not a regular file"
    assert content(folder) == "good"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("writes", [f"printf %0{LIMIT_BYTES + 1}d 0 > $0", "truncate -s 1T $0"])
async def test_an_output_larger_than_a_module_may_be_is_a_failed_build_that_says_the_figure(
    folder: Path, builder: Builder, writes: str, target: tuple[str, str]
) -> None:
    with pytest.raises(BuildError) as raised:
        await builder.build(folder, shell(writes, target), _ignore)
    assert raised.value.summary == "`sh` made a module of more than 16 bytes, the engine's limit"
    assert raised.value.exit_code == 0
    assert content(folder) == "good"


@pytest.mark.parametrize("target", TARGETS)
async def test_an_output_as_large_as_a_module_may_be_is_taken(
    folder: Path, builder: Builder, target: tuple[str, str]
) -> None:
    result = await builder.build(folder, shell(f"printf %0{LIMIT_BYTES}d 0 > $0", target), _ignore)
    assert (result.is_changed, result.module_bytes) == (True, LIMIT_BYTES)


async def test_text_that_makes_too_large_a_module_is_a_failed_build(folder: Path, builder: Builder) -> None:
    (folder / "plugin.wat").write_text('(module (memory 1) (data (i32.const 0) "abcdefghijklmnop"))')
    recipe = Recipe(command=("wat2wasm", "plugin.wat"), env={}, sources=("*",), text_module="plugin.wat")
    with pytest.raises(BuildError, match=r"`wat2wasm` made a module of more than 16 bytes") as raised:
        await builder.build(folder, recipe, _ignore)
    assert raised.value.exit_code is None
    assert content(folder) == "good"


@pytest.mark.parametrize("target", [INTO_THE_MARK, ELSEWHERE])
async def test_a_link_to_the_compilers_own_file_is_taken_over_as_a_file(
    folder: Path, builder: Builder, target: tuple[str, str]
) -> None:
    recipe = shell("printf made > real.bin; ln -s $(pwd)/real.bin $0", target)
    assert (await builder.build(folder, recipe, _ignore)).is_changed
    assert content(folder) == "made"


async def test_a_module_too_large_to_be_kept_is_not_handed_to_a_command_that_writes_it(
    folder: Path, builder: Builder
) -> None:
    (folder / "plugin.wasm").write_text("x" * (LIMIT_BYTES + 1))
    with pytest.raises(BuildError, match=r"the plugin\.wasm that is there has more than 16 bytes"):
        await builder.build(folder, shell("touch ran", IN_PLACE), _ignore)
    assert os.listdir(folder) == ["plugin.wasm"]


@pytest.mark.parametrize("there", [True, False])
async def test_a_failed_command_leaves_the_users_link_to_the_module_in_place(
    folder: Path, builder: Builder, there: bool
) -> None:
    real = folder / "real.bin"
    (folder / "plugin.wasm").unlink()
    (folder / "plugin.wasm").symlink_to(real)
    if there:
        real.write_text("good")
    with pytest.raises(BuildError):
        await builder.build(folder, shell("printf half > $0; exit 1", IN_PLACE), _ignore)
    assert (folder / "plugin.wasm").is_symlink()
    assert real.exists() == there
    assert not there or real.read_text() == "good"

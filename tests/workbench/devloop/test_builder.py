"""One build step: the new module appears whole or not at all, and failures say what to do."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.calls import OutputStream
from workbench.devloop.build_config import Recipe
from workbench.devloop.builder import Builder
from workbench.devloop.errors import BuildError
from workbench.devloop.placing import WORK_PREFIX, disk_errors
from workbench.devloop.toolchain import Toolchain

EMPTY_MODULE = b"\0asm\x01\0\0\0"


class Output:
    """Collects the output of a build."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.first = asyncio.Event()

    def __call__(self, line: str, stream: OutputStream) -> None:
        self.lines.append(line)
        self.first.set()


@pytest.fixture
async def output() -> Output:
    return Output()


@pytest.fixture
async def builder(tmp_path: Path) -> Builder:
    return Builder(Toolchain(tmp_path / "cache"), limit_s=10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plugin's folder."""
    folder = tmp_path / "plugin"
    folder.mkdir()
    return folder


def shell(script: str, **others: str) -> Recipe:
    return Recipe(command=("sh", "-c", script), env={}, sources=("**/*",), **others)


def text(name: str = "plugin.wat") -> Recipe:
    return Recipe(command=("wat2wasm", name), env={}, sources=(name,), text_module=name)


async def test_text_becomes_a_module(folder: Path, builder: Builder, output: Output) -> None:
    (folder / "plugin.wat").write_text("(module)")
    result = await builder.build(folder, text(), output)
    assert (result.is_changed, result.module_bytes, result.exit_code) == (True, 8, None)
    assert (folder / "plugin.wasm").read_bytes() == EMPTY_MODULE


@pytest.mark.parametrize(
    ("source", "summary", "line", "column"),
    [
        ("(module\n  (func\n    i32.ad))", "plugin.wat: unknown operator or unexpected token", 3, 5),
        ("", "plugin.wat: expected at least one module field", 1, 1),
        ('(module\n (func (export "a") call $no))', "plugin.wat: unknown func: failed to find name `$no`", 2, 26),
    ],
)
async def test_a_mistake_in_text_has_a_place(
    folder: Path, builder: Builder, output: Output, source: str, summary: str, line: int, column: int
) -> None:
    (folder / "plugin.wat").write_text(source)
    with pytest.raises(BuildError) as raised:
        await builder.build(folder, text(), output)
    assert raised.value.summary == summary
    assert raised.value.place is not None
    assert (raised.value.place.line, raised.value.place.column) == (line, column)
    assert os.listdir(folder) == ["plugin.wat"]


async def test_the_hint_of_a_mistake_in_text_shows_the_line_below_its_words(
    folder: Path, builder: Builder, output: Output
) -> None:
    (folder / "plugin.wat").write_text("(module\n  (fun))")
    with pytest.raises(BuildError) as raised:
        await builder.build(folder, text(), output)
    words, line, caret = (raised.value.hint or "").split("\n")
    assert words == "The assembler stopped here:"
    assert (line.strip(), caret.strip()) == ("(fun))", "^")
    assert line.index("f") == caret.index("^")
    (folder / "plugin.wat").write_text("")
    with pytest.raises(BuildError) as raised:
        await builder.build(folder, text(), output)
    assert raised.value.hint is None, "the place says all there is to say"


async def test_text_that_cannot_be_read_is_an_error(folder: Path, builder: Builder, output: Output) -> None:
    os.mkfifo(folder / "plugin.wat")
    with pytest.raises(BuildError, match=r"cannot read plugin\.wat: not a regular file"):
        await builder.build(folder, text(), output)


async def test_a_command_gets_the_place_to_write_to_and_its_variables(
    folder: Path, builder: Builder, output: Output
) -> None:
    recipe = Recipe(
        command=("sh", "-c", 'echo "$TARGET $HOME"; printf "$TARGET" > "$0"', "{output}"),
        env={"TARGET": "wasip1"},
        sources=("**/*",),
    )
    result = await builder.build(folder, recipe, output)
    assert result.is_changed
    assert output.lines == [f"wasip1 {os.environ['HOME']}"]
    assert (folder / "plugin.wasm").read_text() == "wasip1"
    assert os.listdir(folder) == ["plugin.wasm"]


async def test_equal_bytes_are_not_put_in_place_but_count_as_new(
    folder: Path, builder: Builder, output: Output
) -> None:
    (folder / "plugin.wasm").write_text("same")
    os.utime(folder / "plugin.wasm", (1, 1))
    before = (folder / "plugin.wasm").stat()
    result = await builder.build(folder, shell("printf same > {output}"), output)
    after = (folder / "plugin.wasm").stat()
    assert not result.is_changed
    assert after.st_ino == before.st_ino
    assert after.st_mtime > before.st_mtime


async def test_a_module_is_not_executable(folder: Path, builder: Builder, output: Output) -> None:
    await builder.build(folder, shell("printf x > {output}; chmod 755 {output}"), output)
    assert stat.S_IMODE((folder / "plugin.wasm").stat().st_mode) == 0o644


@pytest.mark.parametrize("writes", ["printf half > {output}", "printf half > plugin.wasm", "rm plugin.wasm"])
async def test_a_failed_command_leaves_everything_as_it_was(
    folder: Path, builder: Builder, output: Output, writes: str
) -> None:
    (folder / "plugin.wasm").write_text("good")
    before = (folder / "plugin.wasm").stat().st_mtime_ns
    with pytest.raises(BuildError) as raised:
        await builder.build(folder, shell(f"{writes}; echo it broke >&2; exit 4"), output)
    assert raised.value.summary == "`sh` ended with exit status 4: it broke"
    assert raised.value.exit_code == 4
    assert (folder / "plugin.wasm").read_text() == "good"
    assert (folder / "plugin.wasm").stat().st_mtime_ns == before
    assert os.listdir(folder) == ["plugin.wasm"]


async def test_a_failed_first_build_leaves_no_half_module(folder: Path, builder: Builder, output: Output) -> None:
    with pytest.raises(BuildError):
        await builder.build(folder, shell("printf half > plugin.wasm; exit 1"), output)
    assert os.listdir(folder) == []


async def test_a_stopped_command_leaves_the_module_as_it_was(folder: Path, builder: Builder, output: Output) -> None:
    (folder / "plugin.wasm").write_text("good")
    os.mkfifo(folder / "never")
    work = asyncio.ensure_future(
        builder.build(folder, shell("printf half > plugin.wasm; echo begun; read line < never"), output)
    )
    await output.first.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (folder / "plugin.wasm").read_text() == "good"
    assert sorted(os.listdir(folder)) == ["never", "plugin.wasm"]


@pytest.mark.parametrize(
    "recipe",
    [
        text(),
        shell("printf x > {output}"),
        shell("printf x > plugin.wasm"),
        shell("printf x > other", output="other"),
    ],
)
async def test_a_build_cancelled_once_the_module_is_in_place_has_it_taken_up_first(
    folder: Path, builder: Builder, output: Output, recipe: Recipe
) -> None:
    (folder / "plugin.wat").write_text("(module)")
    placed, go = asyncio.Event(), asyncio.Event()
    taken: list[bytes] = []

    async def take_up() -> None:
        placed.set()
        await go.wait()
        taken.append((folder / "plugin.wasm").read_bytes())

    work = asyncio.ensure_future(builder.build(folder, recipe, output, on_placed=take_up))
    await placed.wait()
    work.cancel()
    await asyncio.sleep(0)
    assert not work.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert taken == [EMPTY_MODULE if recipe.is_builtin else b"x"]


async def test_an_output_elsewhere_is_taken_over(folder: Path, builder: Builder, output: Output) -> None:
    recipe = shell("mkdir -p out; printf made > out/a.wasm", output="out/a.wasm")
    assert (await builder.build(folder, recipe, output)).is_changed
    assert (folder / "plugin.wasm").read_text() == "made"
    assert (folder / "out" / "a.wasm").read_text() == "made"


async def test_a_command_that_writes_the_module_itself_says_whether_it_changed(
    folder: Path, builder: Builder, output: Output
) -> None:
    assert (await builder.build(folder, shell("printf one > plugin.wasm"), output)).is_changed
    assert not (await builder.build(folder, shell("printf one > plugin.wasm"), output)).is_changed


@pytest.mark.parametrize(
    ("script", "others", "missing"),
    [("true", {}, "plugin.wasm"), ("true {output}", {}, "{output}"), ("true", {"output": "a/b.wasm"}, "a/b.wasm")],
)
async def test_a_command_that_writes_nothing_has_failed(
    folder: Path, builder: Builder, output: Output, script: str, others: dict[str, str], missing: str
) -> None:
    with pytest.raises(BuildError) as raised:
        await builder.build(folder, shell(script, **others), output)
    assert raised.value.summary == f"`sh` ended well but wrote no {missing}"


async def test_a_command_that_is_not_installed_is_named(folder: Path, builder: Builder, output: Output) -> None:
    recipe = Recipe(command=("no-such-compiler", "{output}"), env={}, sources=("**/*",))
    with pytest.raises(BuildError) as raised:
        await builder.build(folder, recipe, output)
    assert raised.value.summary == "cannot run `no-such-compiler`: no such file or directory"
    assert raised.value.hint == "The build command is not installed, not on PATH, or not executable."


async def test_a_command_that_hangs_is_stopped(folder: Path, tmp_path: Path, output: Output) -> None:
    os.mkfifo(folder / "never")
    builder = Builder(Toolchain(tmp_path / "cache"), limit_s=0.1)
    with pytest.raises(BuildError, match=r"`sh` did not end within 0\.1 s and was stopped"):
        await builder.build(folder, shell("read line < never"), output)


async def test_a_command_ended_by_a_signal_says_which(folder: Path, builder: Builder, output: Output) -> None:
    with pytest.raises(BuildError, match="`sh` was ended by SIGSEGV"):
        await builder.build(folder, shell("kill -SEGV $$"), output)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
async def test_a_compiler_that_finds_the_disk_full_is_quoted(folder: Path, builder: Builder, output: Output) -> None:
    with pytest.raises(BuildError, match=r"ended with exit status 1: .*[Nn]o space left on device"):
        await builder.build(folder, shell("echo {output} > /dev/null; cat /dev/zero > /dev/full"), output)
    assert os.listdir(folder) == []


def test_a_full_disk_is_an_error_that_says_so(folder: Path) -> None:
    with pytest.raises(BuildError) as raised, disk_errors(folder):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert raised.value.summary == f"cannot write into {folder}: no space left on device"
    assert raised.value.hint == "Free some space; the module is what it was before."


@pytest.fixture
def read_only_folder(folder: Path) -> Iterator[Path]:
    """A plugin's folder that takes no new files."""
    (folder / "plugin.wat").write_text("(module)")
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("recipe", [text(), shell("true")])
async def test_a_read_only_folder_is_an_error_that_says_so(
    read_only_folder: Path, builder: Builder, output: Output, recipe: Recipe
) -> None:
    with pytest.raises(BuildError) as raised:
        await builder.build(read_only_folder, recipe, output)
    assert raised.value.summary == f"cannot write into {read_only_folder}: permission denied"
    assert raised.value.hint == "Make the folder writable, or work on a copy of it."


@pytest.mark.parametrize("recipe", [text(), shell("printf x > {output}")])
async def test_a_folder_in_the_modules_place_is_an_error(
    folder: Path, builder: Builder, output: Output, recipe: Recipe
) -> None:
    (folder / "plugin.wat").write_text("(module)")
    (folder / "plugin.wasm").mkdir()
    with pytest.raises(BuildError, match=r"cannot write into .*: is a directory"):
        await builder.build(folder, recipe, output)
    assert sorted(os.listdir(folder)) == ["plugin.wasm", "plugin.wat"]


async def test_a_folder_that_is_moved_away_during_the_build_is_an_error(
    folder: Path, builder: Builder, output: Output
) -> None:
    with pytest.raises(BuildError, match=r"`sh` ended well but wrote no"):
        await builder.build(folder, shell("printf x > {output}; cd ..; mv plugin gone"), output)


async def test_leftovers_of_a_killed_run_go_at_the_next_build(folder: Path, builder: Builder, output: Output) -> None:
    old, young = folder / f"{WORK_PREFIX}old", folder / f"{WORK_PREFIX}young"
    for leftover in (old, young):
        leftover.mkdir()
        (leftover / "plugin.wasm").write_text("half")
    os.utime(old, (1, 1))
    await builder.build(folder, shell("printf x > {output}"), output)
    # The younger one may belong to another workbench that is building this very moment.
    assert sorted(os.listdir(folder)) == [young.name, "plugin.wasm"]


async def test_no_more_commands_run_at_once_than_allowed_and_text_does_not_wait(
    folder: Path, tmp_path: Path, output: Output
) -> None:
    builder = Builder(Toolchain(tmp_path / "cache"), parallel=1)
    other = tmp_path / "other"
    other.mkdir()
    (other / "plugin.wat").write_text("(module)")
    os.mkfifo(folder / "go")
    begun: list[str] = []
    first = asyncio.ensure_future(
        builder.build(
            folder,
            shell("echo on; read line < go; printf 1 > {output}"),
            output,
            on_begin=lambda: begun.append("first"),
        )
    )
    await output.first.wait()
    second = asyncio.ensure_future(
        builder.build(other, shell("printf 2 > {output}"), output, on_begin=lambda: begun.append("second"))
    )
    await builder.build(other, text(), output, on_begin=lambda: begun.append("text"))
    assert begun == ["first", "text"]
    (folder / "go").write_text("on\n")
    await asyncio.gather(first, second)
    assert begun == ["first", "text", "second"]


@pytest.mark.go
async def test_go_builds_a_plugin_and_its_complaints_have_places(folder: Path, tmp_path: Path, output: Output) -> None:
    (folder / "go.mod").write_text("module probe\n\ngo 1.25\n")
    (folder / "main.go").write_text("package main\n\nfunc main() {\n\tx := 1\n}\n")
    recipe = Recipe(
        command=("go", "build", "-buildmode=c-shared", "-o", "{output}", "."),
        env={"GOOS": "wasip1", "GOARCH": "wasm"},
        sources=("*.go",),
    )
    builder = Builder(Toolchain(tmp_path / "cache"))
    with pytest.raises(BuildError) as raised:
        await builder.build(folder, recipe, output)
    assert raised.value.summary == "`go` ended with exit status 1: declared and not used: x"
    assert raised.value.place is not None
    assert (raised.value.place.file, raised.value.place.line) == (folder / "main.go", 4)
    (folder / "main.go").write_text("package main\n\nfunc main() {}\n")
    assert (await builder.build(folder, recipe, output)).is_changed
    assert (folder / "plugin.wasm").read_bytes().startswith(EMPTY_MODULE)

"""Reading workbench.toml: what is accepted, and that each mistake is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.devloop.build_config import CONFIG_NAME, Recipe, find_recipe
from workbench.devloop.errors import BuildConfigError


def _recipe(folder: Path, text: str) -> Recipe | None:
    (folder / CONFIG_NAME).write_text(text)
    return find_recipe(folder)


def test_every_key_is_read(tmp_path: Path) -> None:
    recipe = _recipe(
        tmp_path,
        '[build]\ncommand = ["go", "build", "-o", "{output}"]\n'
        'env = { GOOS = "wasip1" }\nsources = ["**/*.go", "../go.mod"]\n',
    )
    assert recipe == Recipe(
        command=("go", "build", "-o", "{output}"), env={"GOOS": "wasip1"}, sources=("**/*.go", "../go.mod")
    )
    assert recipe.has_output_mark
    assert not recipe.is_builtin


def test_what_is_left_out_has_defaults(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, '[build]\ncommand = ["make"]\n')
    assert recipe == Recipe(command=("make",), env={}, sources=("**/*",), output="plugin.wasm")


def test_the_output_of_a_command_may_lie_elsewhere_in_the_folder(tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, '[build]\ncommand = ["cargo", "build"]\noutput = "target/release/plugin.wasm"\n')
    assert recipe is not None
    assert recipe.output == "target/release/plugin.wasm"


def test_a_text_module_alone_is_built_in(tmp_path: Path) -> None:
    (tmp_path / "hello.wat").write_text("(module)")
    recipe = find_recipe(tmp_path)
    assert recipe is not None
    assert (recipe.command, recipe.text_module, recipe.is_builtin) == (("wat2wasm", "hello.wat"), "hello.wat", True)


def test_of_several_text_modules_only_plugin_wat_is_built(tmp_path: Path) -> None:
    (tmp_path / "a.wat").write_text("(module)")
    (tmp_path / "b.wat").write_text("(module)")
    assert find_recipe(tmp_path) is None
    (tmp_path / "plugin.wat").write_text("(module)")
    recipe = find_recipe(tmp_path)
    assert recipe is not None
    assert recipe.text_module == "plugin.wat"


def test_the_configured_command_wins_over_a_text_module(tmp_path: Path) -> None:
    (tmp_path / "plugin.wat").write_text("(module)")
    recipe = _recipe(tmp_path, '[build]\ncommand = ["make"]\n')
    assert recipe is not None
    assert recipe.command == ("make",)
    recipe = _recipe(tmp_path, "# nothing about building\n")
    assert recipe is not None
    assert recipe.is_builtin


def test_a_folder_with_neither_comes_ready_made(tmp_path: Path) -> None:
    assert find_recipe(tmp_path) is None
    assert find_recipe(tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("text", "line", "summary"),
    [
        ("[build\n", 1, "workbench.toml is not valid TOML"),
        ('[build]\ncommand = ["x"]\ncomand = ["y"]\n', 3, 'unknown key "comand" in [build]'),
        ('[build]\ncommand = ["x"]\n\n[deploy]\n', 4, 'unknown key "deploy"'),
        ("build = 3\n", 1, '"build" must be a table'),
        ("\n[build]\nsources = ['a']\n", 2, '[build] has no "command"'),
        ('[build]\ncommand = "go build"\n', 2, '"command" must be an array of strings'),
        ("[build]\ncommand = []\n", 2, '"command" must be an array of strings'),
        ('[build]\ncommand = ["go", 1]\n', 2, '"command" must be an array of strings'),
        ('[build]\ncommand = ["", "x"]\n', 2, '"command" begins with an empty word'),
        ('[build]\ncommand = ["a\\u0000b"]\n', 2, '"command" has a NUL character in it'),
        ('[build]\ncommand = ["x"]\nenv = ["A=1"]\n', 3, '"env" must be a table of strings'),
        ('[build]\ncommand = ["x"]\nenv = { A = 1 }\n', 3, 'the variable "A" must be a string'),
        ('[build]\ncommand = ["x"]\n[build.env]\n"A=B" = "1"\n', 4, '"A=B" cannot be the name of a variable'),
        (f'[build]\ncommand = ["x"]\nenv = {{ A = "{"x" * 20_000}" }}\n', 3, '"env" has more than 16384 characters'),
        ('[build]\ncommand = ["x"]\nsources = []\n', 3, '"sources" must be an array of strings'),
        ('[build]\ncommand = ["x"]\nsources = ["/etc/*"]\n', 3, "is not a relative path"),
        ('[build]\ncommand = ["x"]\nsources = ["a//b"]\n', 3, "is not a relative path"),
        ('[build]\ncommand = ["x"]\nsources = ["../../../../x"]\n', 3, "climbs more than 3 folders"),
        ('[build]\ncommand = ["x"]\nsources = ["a/../b"]\n', 3, 'has "." or ".." where a name must be'),
        ('[build]\ncommand = ["x"]\nsources = [".."]\n', 3, 'has "." or ".." where a name must be'),
        ('[build]\ncommand = ["x"]\noutput = "../plugin.wasm"\n', 3, '"output" must be the path of a file inside'),
        ('[build]\ncommand = ["x"]\noutput = "/tmp/plugin.wasm"\n', 3, '"output" must be the path of a file inside'),
        ('[build]\ncommand = ["x"]\noutput = "manifest.json"\n', 3, '"output" cannot be manifest.json'),
        ('[build]\ncommand = ["x", "{output}"]\noutput = "a.wasm"\n', 3, '"output" has no meaning beside {output}'),
    ],
)
def test_a_mistake_is_refused_with_its_line(tmp_path: Path, text: str, line: int, summary: str) -> None:
    with pytest.raises(BuildConfigError) as raised:
        _recipe(tmp_path, text)
    assert summary in raised.value.summary
    assert raised.value.place is not None
    assert (raised.value.place.file, raised.value.place.line) == (tmp_path / CONFIG_NAME, line)


@pytest.mark.parametrize("data", [b"\xff", b"[" * 5000, b"a = " + b"9" * 5000, b"a=[" * 3000, b"\0"])
def test_hostile_files_are_refused_and_nothing_else_happens(tmp_path: Path, data: bytes) -> None:
    (tmp_path / CONFIG_NAME).write_bytes(data)
    with pytest.raises(BuildConfigError):
        find_recipe(tmp_path)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / CONFIG_NAME).mkdir()
    with pytest.raises(BuildConfigError, match="cannot read"):
        find_recipe(tmp_path)

"""How a command line is split into a command and its arguments."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import pytest

from workbench.cli.command import Command, CommandGroup, UsageError, Words, nearest, split_first_word


@pytest.mark.parametrize(
    ("argv", "first", "others"),
    [
        ([], None, ()),
        (["call", "p", "m"], "call", ("p", "m")),
        (["--json", "call", "p"], "call", ("--json", "p")),
        (["--config", "file", "call"], "call", ("--config", "file")),
        (["--config=file", "call"], "call", ("--config=file",)),
        (["--plugins", "dir"], None, ("--plugins", "dir")),
        (["--", "call"], None, ("--", "call")),
        (["--help", "call"], None, ("--help", "call")),
        (["--config"], None, ("--config",)),
        (["call", "--help"], "call", ("--help",)),
    ],
)
def test_the_first_word_is_found_behind_the_options_that_every_command_takes(
    argv: Sequence[str], first: str | None, others: tuple[str, ...]
) -> None:
    assert split_first_word(argv) == Words(first=first, others=others)


def command(name: str, ran: list[argparse.Namespace]) -> Command:
    def run(arguments: argparse.Namespace) -> int:
        ran.append(arguments)
        return 7

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("what")

    return Command(name=name, summary=f"Do {name}.", usage="WHAT", add_arguments=add_arguments, run=run)


def test_a_command_runs_with_its_arguments_and_the_common_ones_wherever_they_stand() -> None:
    ran: list[argparse.Namespace] = []
    assert command("do", ran).main(["--plugins", "dir", "it"], prefix="workbench") == 7
    assert (ran[0].what, ran[0].plugins, ran[0].config) == ("it", "dir", None)


def test_wrong_arguments_are_a_usage_error_with_the_usage_as_hint() -> None:
    with pytest.raises(UsageError, match="unrecognized arguments: --wat") as caught:
        command("do", []).main(["it", "--wat"], prefix="workbench")
    assert caught.value.hint == "usage: workbench do WHAT"


def test_options_are_not_taken_by_their_beginning() -> None:
    with pytest.raises(UsageError, match="--conf"):
        command("do", []).main(["it", "--conf", "x"], prefix="workbench")


def test_a_group_runs_its_commands_and_names_the_nearest_for_a_wrong_one() -> None:
    ran: list[argparse.Namespace] = []
    group = CommandGroup(name="things", summary="Things.", commands=(command("list", ran), command("info", ran)))
    assert group.main(["list", "all"], prefix="workbench") == 7
    with pytest.raises(UsageError, match='unknown command "things lst"') as caught:
        group.main(["lst"], prefix="workbench")
    assert caught.value.hint == 'did you mean "list"?'
    with pytest.raises(UsageError, match="needs a command"):
        group.main([], prefix="workbench")


def test_the_help_of_a_group_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    group = CommandGroup(name="things", summary="Things.", commands=(command("list", []),))
    with pytest.raises(SystemExit):
        group.main(["--help"], prefix="workbench")
    assert "list  Do list." in capsys.readouterr().out


def test_no_word_is_near_to_one_that_resembles_none() -> None:
    assert nearest("zzz", ["call", "watch"]) is None

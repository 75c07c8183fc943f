"""The dialogs: what is asked, and what comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App
from textual.content import Content

from tests.workbench.tui.harness import picture
from tests.workbench.tui.values import HOSTILE
from workbench.tui.app import STYLES
from workbench.tui.screens.text_dialog import TextDialog
from workbench.tui.screens.trust_dialog import TrustDialog


class BareApp(App[None]):
    """Nothing but the style, to push dialogs on."""

    CSS_PATH = [*STYLES]  # noqa: RUF012  # declared so by the library


def trust_dialog(command: tuple[str, ...] = ("go", "build", "-o", "{output}", ".")) -> TrustDialog:
    return TrustDialog(plugin="lyre", folder=Path("/plugins/lyre"), command=command, env={"GOOS": "wasip1"})


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_question_shows_command_environment_and_folder_word_for_word(size: tuple[int, int]) -> None:
    app = BareApp()
    async with app.run_test(size=size) as pilot:
        await app.push_screen(trust_dialog())
        await pilot.pause()
        shown = picture(app.screen)
        for part in ("Build lyre?", "go build -o '{output}' .", "GOOS=wasip1", "/plugins/lyre", "Run this command"):
            assert part in shown


@pytest.mark.parametrize(
    ("keys", "is_agreed"),
    [(["y"], True), (["n"], False), (["escape"], False), (["enter"], False), (["tab", "enter"], True)],
)
async def test_only_a_clear_yes_agrees(keys: list[str], is_agreed: bool) -> None:
    app = BareApp()
    answers: list[bool | None] = []
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(trust_dialog(), answers.append)
        await pilot.press(*keys)
        await pilot.pause()
    assert answers == [is_agreed]


async def test_a_command_cannot_dress_up_as_another_one() -> None:
    app = BareApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(trust_dialog(("make", "all; rm -rf x", HOSTILE)))
        await pilot.pause()
        shown = picture(app.screen)
        assert "make 'all; rm -rf x'" in shown
        assert "[/] [bold]x[/bold]" in shown
        assert not set("\x1b\x07\u202e\u200b\t") & set(shown)


async def test_a_long_command_can_be_read_to_its_end() -> None:
    app = BareApp()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = trust_dialog(("sh", "-c", " ".join(f"word{index}" for index in range(400)) + " finally"))
        await app.push_screen(dialog)
        await pilot.pause()
        assert "finally" not in picture(app.screen)
        await pilot.press("end")
        assert "finally" in picture(app.screen)
        assert "Run this command" in picture(app.screen)


def test_nothing_of_the_environment_is_hidden() -> None:
    env = {"GOFLAGS": "-mod=mod" + " " * 2000 + "-toolexec=/evil", "A": "b  c\u3000d"}
    dialog = TrustDialog(plugin="lyre", folder=Path("/plugins/lyre"), command=["go"], env=env)
    asked = dialog.question().plain
    assert "GOFLAGS='-mod=mod␣⟨2000 blanks⟩␣-toolexec=/evil'" in asked
    assert "A='b␣␣c␣d'" in asked


@pytest.mark.parametrize("keys", [["y"], ["tab", "enter"]])
async def test_a_yes_counts_only_once_everything_was_on_the_screen(keys: list[str]) -> None:
    app = BareApp()
    answers: list[bool | None] = []
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(trust_dialog(("sh", "-c", "word " * 600 + "finally")), answers.append)
        await pilot.pause()
        await pilot.press(*keys)
        assert answers == []
        await pilot.press("end", "home", "y")
        await pilot.pause()
    assert answers == [True]


@pytest.mark.parametrize("key", ["escape", "enter", "q", "question_mark"])
async def test_a_page_of_text_closes_again(key: str) -> None:
    app = BareApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(TextDialog(title=HOSTILE, body=Content("first\n" * 60 + "last")))
        await pilot.pause()
        assert "first" in picture(app.screen)
        await pilot.press("end")
        assert "last" in picture(app.screen)
        await pilot.press(key)
        assert not isinstance(app.screen, TextDialog)

"""The choice of a method: what is offered, letters that look for it, keys that wait for it."""

from __future__ import annotations

import pytest
from textual import events
from textual.widgets import OptionList, Select

from engine.contracts.registry import CAPABILITIES
from tests.workbench.tui.harness import WidgetApp, picture
from workbench.tui.widgets.method_select import MethodSelect

METHODS = [method for service in CAPABILITIES.values() for method in service.methods.values()]
SCROBBLE = next(method for method in METHODS if method.full_name == "Scrobbler.Scrobble")


def select_app() -> WidgetApp:
    return WidgetApp(MethodSelect)


def offered(app: WidgetApp) -> MethodSelect:
    """Every method, the scrobbler's declared, the list open."""
    select = app.query_one(MethodSelect)
    select.show_methods(METHODS, declared=("Scrobbler",), chosen=SCROBBLE)
    select.action_show_overlay()
    return select


def under_cursor(app: WidgetApp) -> str:
    options = app.query_one(OptionList)
    assert options.highlighted is not None
    return str(options.get_option_at_index(options.highlighted).prompt)


async def test_declared_methods_stand_first_and_the_others_say_so() -> None:
    app = select_app()
    async with app.run_test(size=(60, 16), message_hook=app.note) as pilot:
        offered(app)
        await pilot.pause()
        rows = [line.strip("│▎▊ ") for line in picture(app.screen).splitlines()]
        first = next(index for index, row in enumerate(rows) if row.startswith("Scrobbler.IsAuthorized"))
        assert rows[first + 3].endswith("not declared")
        assert under_cursor(app) == "Scrobbler.Scrobble"
    assert app.sent(Select.Changed) == [], "showing is not choosing"


@pytest.mark.parametrize(
    ("typed", "found"), [("nowp", "Scrobbler.NowPlaying"), ("GETA", "MetadataAgent.GetArtistMBID"), ("qq", "")]
)
async def test_letters_look_for_a_method(typed: str, found: str) -> None:
    app = select_app()
    async with app.run_test(size=(60, 16)) as pilot:
        offered(app)
        await pilot.press(*typed)
        assert under_cursor(app).startswith(found or "Scrobbler.Scrobble")


async def test_letters_are_no_keys_of_the_screen_while_the_list_is_open() -> None:
    app = select_app()
    async with app.run_test(size=(60, 16)) as pilot:
        select = offered(app)
        await pilot.pause()
        assert select.check_consume_key("q", "q")
        assert not select.check_consume_key("f5", None)
        await pilot.press("escape")
        assert not select.check_consume_key("q", "q")


async def test_keys_wait_from_the_choice_until_they_are_released() -> None:
    app = select_app()
    async with app.run_test(size=(60, 16), message_hook=app.note) as pilot:
        select = offered(app)
        await pilot.press("up", "enter", "q", "enter")
        assert len(app.sent(MethodSelect.Taken)) == 1
        assert not select.expanded, "the second Enter waits"
        await pilot.press("a")
        arrived = len(app.sent(events.Key))
        select.release_keys()
        await pilot.pause()
        assert [key.key for key in app.sent(events.Key)[arrived:]] == ["q", "enter", "a"]
        assert select.expanded, "the second Enter opened the list again"


async def test_leaving_the_list_holds_nothing_back() -> None:
    app = select_app()
    async with app.run_test(size=(60, 16), message_hook=app.note) as pilot:
        select = offered(app)
        await pilot.press("up", "escape", "enter")
        assert app.sent(MethodSelect.Taken) == []
        assert select.value == "Scrobbler.Scrobble"
        assert select.expanded


async def test_only_so_many_keys_wait() -> None:
    app = select_app()
    async with app.run_test(size=(60, 16), message_hook=app.note) as pilot:
        select = offered(app)
        await pilot.press("enter")
        for _ in range(500):
            select.post_message(events.Key("x", "x"))
        await pilot.pause()
        arrived = len(app.sent(events.Key))
        select.release_keys()
        await pilot.pause()
        assert len(app.sent(events.Key)) - arrived == 100

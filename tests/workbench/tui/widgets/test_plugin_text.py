"""Plugins in words: what serves, what is wrong and where, each said once."""

from __future__ import annotations

import pytest

from engine.errors import Place
from engine.events import PluginState
from tests.workbench.tui.values import FOLDER, HOSTILE, status
from workbench.session import PluginStatus
from workbench.tui.widgets.plugin_text import call_notice, plugin_facts

SERVICE = "MetadataAgent"
SOURCE = Place(file=FOLDER / "main.go", line=3, column=5)


def failed(**changes: object) -> PluginStatus:
    """A build that failed while load 2 serves."""
    values: dict[str, object] = {"reason": "`go` ended with exit status 1: undefined: x", "place": SOURCE}
    return status("a", "build failed", about={"generation": 2}, **(values | changes))


def facts(shown: PluginStatus) -> list[str]:
    return plugin_facts(shown).plain.split("\n")


def test_a_plugin_that_is_well_says_which_load_serves() -> None:
    assert facts(status())[0] == "● ready  1.2.0, load 1"


@pytest.mark.parametrize("state", ["build failed", "stale", "not trusted", "building", "reloading"])
def test_an_older_version_that_serves_is_named_beside_any_other_state(state: str) -> None:
    shown = status("a", state, about={"state": PluginState.STALE, "generation": 2})
    assert facts(shown)[0].endswith(f" {state}; load 2, version 1.2.0, still serves")


@pytest.mark.parametrize("state", [PluginState.FAILED, PluginState.NOT_BUILT, PluginState.COMPILING])
def test_nothing_is_said_to_serve_where_nothing_does(state: PluginState) -> None:
    # A version whose OnInit failed keeps its number, and answers OnInit by hand alone.
    shown = status("a", "build failed", reason="no", about={"state": state, "generation": 1})
    assert "serves" not in plugin_facts(shown).plain
    assert call_notice(shown, SERVICE) == "a: build failed: no"


def test_what_is_wrong_begins_with_its_place_and_the_hint_follows() -> None:
    excerpt = "The assembler stopped here:\n  (oops\n  ^"
    shown = facts(failed(hint=excerpt))
    assert shown[1] == "main.go:3:5: `go` ended with exit status 1: undefined: x"
    assert shown[2:5] == excerpt.split("\n")


@pytest.mark.parametrize(
    ("reason", "place", "line"),
    [
        ("main.go: no such thing", SOURCE, "main.go:3:5: no such thing"),
        ("stopped: main.go:3:5", SOURCE, "stopped: main.go:3:5"),
        ("cannot load", Place(file=FOLDER / "src" / "lib.rs", line=1), "src/lib.rs:1: cannot load"),
    ],
)
def test_a_place_is_said_once(reason: str, place: Place, line: str) -> None:
    shown = facts(failed(reason=reason, place=place))
    assert shown[1] == line
    assert not any(name in text for name in ("main.go", "lib.rs") for text in shown[2:])


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (Place(file=FOLDER / "manifest.json", line=8, pointer="/permissions"), "manifest.json:8 (/permissions)"),
        (Place(file=FOLDER / "plugin.wasm"), "plugin.wasm"),
        (Place(export="memory"), "memory"),
    ],
)
def test_a_place_with_more_to_it_has_a_line_of_its_own_below_what_is_wrong(place: Place, line: str) -> None:
    assert facts(failed(reason="cannot link", place=place, hint="Do so."))[1:4] == ["cannot link", line, "Do so."]


def test_the_notice_of_a_request_says_that_the_older_version_answers_and_why() -> None:
    assert call_notice(failed(), SERVICE) == (
        "build failed; load 2, version 1.2.0, still serves: main.go:3:5: `go` ended with exit status 1: undefined: x"
    )


def test_an_undeclared_service_matters_more_than_which_version_refuses_it() -> None:
    assert call_notice(failed(), "Scrobbler").startswith('Not declared: add "Scrobbler" to "capabilities"')


def test_nothing_is_said_where_the_newest_version_answers_or_soon_will() -> None:
    assert call_notice(status(), SERVICE) == ""
    assert call_notice(status("a", "building"), SERVICE) == ""
    assert call_notice(status("a", "compiling", about={"state": PluginState.COMPILING}), "Scrobbler") == ""


def test_what_is_foreign_comes_out_inert() -> None:
    about = {"version": HOSTILE, "capabilities": (HOSTILE,)}
    place = Place(file=FOLDER / HOSTILE, line=1)
    shown = status(HOSTILE, "build failed", reason=HOSTILE, hint=HOSTILE, place=place, about=about)
    unserved = status(HOSTILE, "failed", reason=HOSTILE, about=about | {"state": PluginState.FAILED})
    for text in (plugin_facts(shown).plain, call_notice(shown, HOSTILE), call_notice(unserved, SERVICE)):
        assert "[bold]x[/bold]" in text
        assert not set("\x1b\x07\u202e\u200b\t") & set(text)

"""What goes to stdout: JSON that is harmless on a terminal, colours only where they are wanted."""

from __future__ import annotations

import io
import json
import sys

import pytest

from workbench.cli.output import Colour, json_text, painted, print_json
from workbench.cli.streams import prepare_streams

HOSTILE = "esc \x1b[31m c1 \x9b rtl \u202e zero \u200b surrogate \ud800 é 音"


class Stream(io.TextIOWrapper):
    """A stdout with an encoding, a terminal or not."""

    def __init__(self, *, encoding: str = "utf-8", is_terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def written(self) -> bytes:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue()


def test_json_escapes_what_a_terminal_would_act_on_and_keeps_the_rest_readable() -> None:
    text = json_text({"text": HOSTILE})
    assert json.loads(text) == {"text": HOSTILE}
    assert "é 音" in text
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in text.replace("\n", ""))
    for character in "\u202e\u200b\ud800":
        assert character not in text


def test_json_is_still_json_where_the_encoding_lacks_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    prepare_streams()
    print_json({"name": "Björk"})
    assert json.loads(stream.written()) == {"name": "Björk"}


@pytest.mark.parametrize(
    ("is_terminal", "variables", "is_painted"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    is_terminal: bool, variables: dict[str, str], is_painted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Stream(is_terminal=is_terminal))
    assert painted("ok", Colour.GOOD) == ("\x1b[32mok\x1b[0m" if is_painted else "ok")

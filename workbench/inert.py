"""Foreign text made harmless: what plugins, servers, files and native code say, ready for a terminal.

Everything that this program did not write itself goes through `display_text` before it is printed or
drawn, on the command line and on the screen alike. No terminal library is imported here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Final

LINE_LIMIT: Final = 1000
"""Characters of one line that are worth showing where nothing else is said."""

CUT_MARK: Final = "…"
"""Stands at the end of a text that was shortened."""

UNSHOWABLE: Final = "\ufffd"
"""Stands for C1 controls, direction controls and lone surrogates, which have no symbol of their own."""

INVISIBLE: Final = "·"
"""Stands for characters that take no room but make two texts different, such as U+200B."""

_TAB_STOP: Final = 4

_DROPPED: Final = (
    "\u200d"  # the joiner of emoji families: terminals do not agree on the width of what it makes
    "\ufe00-\ufe0f"  # variation selectors: Rich counts U+FE0F as a cell, terminals do not
    "\U000e0100-\U000e01ef"
    "\U0001f3fb-\U0001f3ff"  # skin tones: 2 cells for Rich, 4 for some terminals
)
_DIRECTION: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_SILENT: Final = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u2028\u2029\u2060-\u2065\u206a-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
)
_CONTROL: Final = "\x00-\x1f\x7f-\x9f"
_COMBINING: Final = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0e34-\u0e3a\u0e47-\u0e4e"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)

_BLANKS: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000"
_HIDDEN_BLANKS = re.compile(f"[ {_BLANKS}]{{2,}}|[{_BLANKS}]")
_MAX_BLANK_MARKS: Final = 8

_FOREIGN = re.compile(f"[{_CONTROL}\ud800-\udfff{_DIRECTION}{_SILENT}{_DROPPED}]")
_DROP = re.compile(f"[{_DROPPED}]")
_SILENCE = re.compile(f"[{_SILENT}]")
_PILE = re.compile(f"([{_COMBINING}]{{3}})[{_COMBINING}]+")
"""More than three marks on one letter: they would climb over the lines above."""


def display_text(text: str | bytes, *, limit: int | None = LINE_LIMIT, keep_newlines: bool = False) -> str:
    """Return `text` with nothing in it that a terminal would act on, one character a cell as far as possible.

    Control characters become visible symbols (`␛` for escape), tabs become spaces, direction controls and
    what cannot be shown become U+FFFD, invisible characters a middle dot, joiners and variation selectors
    go. Bytes are read as UTF-8 with U+FFFD for what is not. A text of more than `limit` characters is cut
    and ends with `…`; pass None for text that must stay whole. A line end is shown as `␊` unless
    `keep_newlines` is set; then `\\r\\n` counts as one. Markup is left alone: never give the answer to
    anything that parses it.
    """
    is_cut = limit is not None and len(text) > limit
    if is_cut:
        # Cut first: the cost must not depend on how much a plugin sends. Bytes are at most as many characters.
        text = text[:limit]
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if text.isascii() and text.isprintable():
        return text + CUT_MARK if is_cut else text
    if keep_newlines:
        text = "\n".join(_one_line(line) for line in text.replace("\r\n", "\n").split("\n"))
    else:
        text = _one_line(text)
    return text + CUT_MARK if is_cut else text


def display_lines(text: str | bytes, *, limit: int | None = LINE_LIMIT, max_lines: int | None = None) -> list[str]:
    """Split `text` at its line ends and make each line inert; `limit` is per line.

    Lines after `max_lines` are left out, and a last line says how many there are.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    lines = text.replace("\r\n", "\n").split("\n")
    left_out = 0 if max_lines is None else max(0, len(lines) - max_lines)
    shown = [display_text(line, limit=limit) for line in lines[: len(lines) - left_out]]
    if left_out:
        shown.append(f"{CUT_MARK} {left_out} more lines")
    return shown


def exact_word(text: str) -> str:
    """A foreign argument or value as consent needs it: whole, inert, quoted like for a shell, its blanks seen.

    Where blanks stand side by side each is `␣`, and many are counted, so that nothing is pushed out of sight.
    """
    visible = _HIDDEN_BLANKS.sub(_blank_marks, text.replace("\t", "␉"))
    return shlex.quote(display_text(visible, limit=None))


def exact_command(command: Iterable[str]) -> str:
    """The arguments of a command that somebody is asked to agree to, each an `exact_word`."""
    return " ".join(exact_word(argument) for argument in command)


def exact_env(env: Mapping[str, str]) -> list[str]:
    """The variables of such a command as `NAME=value`, by name."""
    return [f"{display_text(name, limit=None)}={exact_word(value)}" for name, value in sorted(env.items())]


def _blank_marks(match: re.Match[str]) -> str:
    count = len(match[0])
    return "␣" * count if count <= _MAX_BLANK_MARKS else f"␣⟨{count} blanks⟩␣"


def _one_line(text: str) -> str:
    if "\t" in text:
        text = text.expandtabs(_TAB_STOP)
    return _PILE.sub(r"\1", _FOREIGN.sub(_symbol, text))


def _symbol(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if _DROP.match(character):
        return ""
    return INVISIBLE if _SILENCE.match(character) else UNSHOWABLE

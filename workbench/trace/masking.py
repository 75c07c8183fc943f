"""What counts as a secret, and how it is hidden: the one place that screen, log, exports and reports ask.

Guessing from names is all that can be done for plugins this program does not know. When in doubt it hides.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from engine.contracts.codec import to_value
from engine.contracts.pool import descriptor_of

MASK: Final = "••••••"
"""Stands for a hidden text; the same whatever its length."""

_SECRET_WORDS: Final = frozenset(
    {
        "accesskey",
        "apisig",
        "auth",
        "authkey",
        "authorization",
        "bearer",
        "credential",
        "credentials",
        "jwt",
        "oauth",
        "passphrase",
        "passwd",
        "privatekey",
        "pwd",
        "secretkey",
        "sessionid",
        "sessionkey",
        "sig",
        "signature",
        "sk",
    }
)
_SECRET_ENDINGS: Final = ("apikey", "cookie", "password", "secret", "token")
_STEMS: Final = (
    *("key", "sig", "auth", "bearer", "basic", "credential", "jwt", "passphrase", "passwd", "password"),
    *("pwd", "session", "sk", "cookie", "secret", "token"),
)
"""Every name that `looks_secret` has one of these in it; a text without any is not searched further."""
_KEY_KINDS: Final = frozenset(
    {"access", "api", "auth", "client", "encryption", "license", "private", "secret", "session", "shared", "signing"}
)
"""Words that make a secret of a `key` after them; a plain `key` is mostly the key of a cache entry."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_USER_INFO = re.compile(r"(://[^/\s:@]{0,256}):[^/\s@]{1,256}@")
_SCHEME = re.compile(r"\b(Bearer|Basic|Token)(\s+)(?=[^\s\"',;]{0,4096}[\d=])[^\s\"',;]{6,}", re.IGNORECASE)
_HEADER_LINE = re.compile(
    r"\b((?:Proxy-)?Authorization|(?:Set-)?Cookie|X-Api-Key|Api-Key|X-Auth-Token|X-Access-Token)(\"?\s*[:=]\s*)"
    r"[^\r\n\"]+",
    re.IGNORECASE,
)
_ASSIGNMENT = re.compile(
    r"(?<![^\s?&;,({\[\"'])([\w.%\-\[\]]{1,64})="
    r"('[^']{1,4096}'|\"[^\"]{1,4096}\"|[^&#\s\"'<>,;)}\]]*[^&#\s\"'<>,;)}\]:.])"
)
_FLAG = re.compile(r"(?<!\S)(--?[A-Za-z][\w\-]{0,63})([ \t]{1,8})('[^']{1,4096}'|\"[^\"]{1,4096}\"|(?!--)\S{1,4096})")
_MEMBER = re.compile(
    r"""(\\{0,3})(["'])(?P<name>[\w .\-]{1,64})\1\2\s{0,8}:\s{0,8}(?:[bu]?\1(?P<quote>["'])|(?=-?\d))"""
)
"""A member of JSON, of JSON inside JSON (its quotes escaped) or of a printed mapping, up to its value."""
_NUMBER = re.compile(r"-?\d[\d.eE+\-]*")
_FIELD = re.compile(r"(?<![\w\-])(?P<name>[A-Za-z][\w.\-]{0,63}):(?P<blanks>[ \t]{0,8})(?=[^\s/])")
"""`name: value`, as in headers and YAML, up to its value; no URL scheme."""
_MAX_INDENT: Final = 64
_FIELD_VALUE = re.compile(r"""'[^'\r\n]{1,4096}'|"[^"\r\n]{1,4096}"|[^\s,;"'})\]]+""")
_LINE_REST = re.compile(r"""'[^'\r\n]{1,4096}'|"[^"\r\n]{1,4096}"|[^\r\n,;"})\]]+""")
_SUBSONIC_LOGIN: Final = frozenset({"p", "s", "t"})
"""Password, salt and token of a Subsonic URL; only looked at beside the user name `u`."""


def looks_secret(name: str, *, is_setting: bool = False) -> bool:
    """Whether a value of this name is likely a secret: `X-Api-Key`, `lastfm_secret`, `accessToken`.

    With `is_setting` (headers, configuration keys, query parameters) a plain `key` counts too.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS) for word in words):
        return True
    if any(
        (second == "key" and first in _KEY_KINDS) or (first, second) == ("session", "id")
        for first, second in pairwise(words)
    ):
        return True
    return is_setting and words == ["key"]


def mask_text(text: str) -> str:
    """Hide secrets in running text: URL passwords and parameters, header lines, JSON members, `name=value`."""
    folded = text.casefold()
    has_stem = any(stem in folded for stem in _STEMS)
    if not has_stem and "@" not in text and "u=" not in text:
        return text
    if "=" in text:
        has_user = re.search(r"[?&]u=", text) is not None
        text = _ASSIGNMENT.sub(lambda match: _mask_assignment(match, has_user), text)
    if ":" in text:
        text = _USER_INFO.sub(rf"\1:{MASK}@", text)
        text = _mask_members(text)
        text = _HEADER_LINE.sub(rf"\1\2{MASK}", text)
        text = _mask_named_values(text)
    if "-" in text:
        text = _FLAG.sub(_mask_flag, text)
    return _SCHEME.sub(rf"\1\2{MASK}", text)


def mask_entry(name: str, content: object) -> object:
    """The content of a mapping's entry, judged by its name: texts and numbers of secrets are hidden."""
    if isinstance(content, str):
        return MASK if content and looks_secret(name, is_setting=True) else mask_text(content)
    is_number = isinstance(content, (int, float)) and not isinstance(content, bool)
    return MASK if is_number and looks_secret(name, is_setting=True) else content


def mask_arguments(arguments: Sequence[str]) -> list[str]:
    """An argument list with its secrets hidden: those inside an argument, and the one after `--token` or its like."""
    masked: list[str] = []
    is_awaited = False
    for argument in arguments:
        masked.append(MASK if is_awaited and not argument.startswith("--") else mask_text(argument))
        is_awaited = argument.startswith("-") and "=" not in argument and looks_secret(argument)
    return masked


def masked_value(message: Message, *, is_value_secret: bool = False) -> dict[str, object]:
    """The message as ProtoJSON with its secrets hidden.

    Headers and configuration are judged by their names, a stored `value` by the `key` beside it, every
    text and every readable body by `mask_text`. `is_value_secret` hides a field named `value` in any case:
    the key was in the request.
    """
    return _mask_fields(descriptor_of(message).fields_by_name, to_value(message), is_value_secret)


def masked_pair(
    request: Message | None, response: Message | None, *, reveal: bool = False
) -> tuple[dict[str, object] | None, dict[str, object] | None]:
    """Request and response as ProtoJSON; the key of a request decides about the value of its response."""
    if reveal:
        return (
            None if request is None else to_value(request),
            None if response is None else to_value(response),
        )
    key = getattr(request, "key", "")
    hides_value = isinstance(key, str) and looks_secret(key)
    return (
        None if request is None else masked_value(request, is_value_secret=hides_value),
        None if response is None else masked_value(response, is_value_secret=hides_value),
    )


def _mask_fields(
    fields: Mapping[str, FieldDescriptor], value: Mapping[str, object], is_value_secret: bool
) -> dict[str, object]:
    key = value.get("key")
    hides_value = is_value_secret or (isinstance(key, str) and looks_secret(key))
    masked: dict[str, object] = {}
    for name, content in value.items():
        field = fields.get(name)
        if field is None:
            masked[name] = content
        elif hides_value and name == "value":
            masked[name] = MASK
        else:
            masked[name] = _mask_field(field, content)
    return masked


def _mask_field(field: FieldDescriptor, content: object) -> object:
    if isinstance(content, list):
        return [_mask_field(field, item) for item in content]
    if isinstance(content, dict) and field.message_type is not None:
        if field.message_type.GetOptions().map_entry:
            return {name: mask_entry(name, item) for name, item in content.items()}
        return _mask_fields(field.message_type.fields_by_name, content, is_value_secret=False)
    if isinstance(content, str) and field.type == FieldDescriptor.TYPE_BYTES:
        return _mask_base64(content)
    return mask_text(content) if isinstance(content, str) else content


def _mask_base64(content: str) -> str:
    """Mask inside encoded bytes, where they are text; other bytes stay as they are."""
    try:
        text = base64.b64decode(content, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return content
    masked = mask_text(text)
    return content if masked == text else base64.b64encode(masked.encode()).decode()


def _mask_assignment(match: re.Match[str], has_user: bool) -> str:
    name = match[1]
    is_secret = looks_secret(name, is_setting=True) or (has_user and name in _SUBSONIC_LOGIN)
    return f"{name}={MASK}" if is_secret else match[0]


def _mask_flag(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}{MASK}" if looks_secret(match[1]) else match[0]


def _mask_members(text: str) -> str:
    """Hide the values of members; those of other names are searched in turn, they may hold JSON as text."""
    parts: list[str] = []
    done = at = 0
    while (match := _MEMBER.search(text, at)) is not None:
        at = match.end()
        if not looks_secret(match["name"]):
            continue
        if match["quote"]:
            end = _end_of_text(text, at, match["quote"], len(match[1]))
        else:
            number = _NUMBER.match(text, at)
            end = number.end() if number else at
        if end > at:
            parts += [text[done:at], MASK]
            done = at = end
    return "".join([*parts, text[done:]])


def _end_of_text(text: str, start: int, quote: str, escapes: int) -> int:
    """Where a quoted text ends whose own quotes stand behind `escapes` backslashes; without an end, all is inside.

    A quote inside has more backslashes before it: n of the inner text are n * (escapes + 1) of the outer one.
    """
    at = start
    while (found := text.find(quote, at)) >= 0:
        run = found - at - len(text[at:found].rstrip("\\"))
        inner, rest = divmod(run - escapes, escapes + 1)
        if run < escapes or (rest == 0 and inner % 2 == 0):
            return found - min(run, escapes)
        at = found + 1
    return len(text)


def _mask_named_values(text: str) -> str:
    """Hide what follows `api_key:` anywhere, and `token:` where it begins a line or a value with a digit follows.

    Prose has `token:` too ("invalid token: unexpected end"), and the words after it are what the reader needs.
    """
    parts: list[str] = []
    done = at = 0
    while (match := _FIELD.search(text, at)) is not None:
        at = match.end()
        name = match["name"]
        if not looks_secret(name):
            continue
        is_compound = len(_WORD.findall(name)) > 1
        before = text[max(0, match.start() - _MAX_INDENT) : match.start()]
        begins_line = not before.rpartition("\n")[2].strip(" \t-")
        value = (_LINE_REST if begins_line and match["blanks"] else _FIELD_VALUE).match(text, at)
        if value is None or not (match["blanks"] or is_compound):
            continue
        if is_compound or begins_line or any(character.isdigit() for character in value[0].split()[0]):
            parts += [text[done:at], MASK]
            done = at = value.end()
    return "".join([*parts, text[done:]])

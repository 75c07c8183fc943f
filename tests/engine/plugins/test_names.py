"""Names of plugins, as folders and as command arguments."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.plugins.names import check_name_argument, is_folder_name


@settings(deadline=None)
@given(st.text(max_size=300))
def test_a_folder_name_never_leads_anywhere_else(name: str) -> None:
    if is_folder_name(name):
        assert name not in ("", ".", "..")
        assert not set(name) & set("/\\\0\n\r")
        assert len(name.encode()) <= 255
        assert check_name_argument(name) is None


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("", "the plugin name is empty"),
        (" ", "the plugin name is empty"),
        (".", ". is not a plugin name"),
        ("..", ".. is not a plugin name"),
        ("../backup", "a plugin name has no slash or backslash"),
        ("a\\b", "a plugin name has no slash or backslash"),
        ("/etc", "a plugin name has no slash or backslash"),
    ],
)
def test_an_argument_that_names_no_entry_of_the_folder_is_refused(argument: str, problem: str) -> None:
    assert check_name_argument(argument) == problem


@pytest.mark.parametrize("argument", ["demo", "Test Plugin", "...", "über", "a..b"])
def test_ordinary_arguments_are_accepted(argument: str) -> None:
    assert check_name_argument(argument) is None

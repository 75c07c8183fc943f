"""TOML files: bounded reading, and the line that a key stands in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import SettingsError
from engine.toml_source import TOML_LIMIT_BYTES, read_toml

TEXT = '''
# a comment with Folder = 1
Top = 1

[Plugins]
Folder = "x"   # = y
text = """
Folder = "inside a text"
[NotATable]
"""
"Quoted.Key" = 2
a.b.c = 3

[PluginConfig."my plugin"]
api_key = "k"
[[List]]
item = 1
'''


def read(folder: Path, text: str | bytes) -> Path:
    file = folder / "navidrome.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("Top",), 3),
        (("plugins",), 5),
        (("Plugins", "FOLDER"), 6),
        (("Plugins", "Quoted.Key"), 11),
        (("Plugins", "a", "b", "c"), 12),
        (("Plugins", "absent"), 5),
        (("PluginConfig", "my plugin", "api_key"), 15),
        (("List", "item"), 17),
        (("absent",), None),
    ],
)
def test_a_key_is_found_in_its_line(tmp_path: Path, key: tuple[str, ...], line: int | None) -> None:
    source = read_toml(read(tmp_path, TEXT))
    assert source.place_of(key).line == line
    assert source.place_of(key).file == tmp_path / "navidrome.toml"


def test_a_syntax_error_names_line_and_column(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_toml(read(tmp_path, '[Plugins]\nFolder = x"\n'))
    assert str(caught.value.place) == f"{tmp_path / 'navidrome.toml'}:2:10"
    assert "is not valid TOML: invalid value" in caught.value.summary
    assert "line" not in caught.value.summary


def test_a_text_that_never_ends_points_to_the_last_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_toml(read(tmp_path, 'a = 1\nb = """x'))
    assert caught.value.place is not None
    assert caught.value.place.line == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\nb = '\xff'", "is not valid UTF-8"),
        (b"#" * (TOML_LIMIT_BYTES + 1), f"larger than {TOML_LIMIT_BYTES} bytes"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "is not valid TOML"),
        (b"a = " + b"[" * 70 + b"]" * 70, "nested deeper than 64 levels"),
        (b"a = 1979-13-01", "is not valid TOML"),
    ],
)
def test_what_cannot_be_read_is_a_settings_error(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_toml(read(tmp_path, content))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file or directory"):
        read_toml(tmp_path / "absent.toml")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("[]=\"#'\n\\.a1 {}", max_size=60) | st.binary(max_size=60))
def test_any_text_is_read_or_a_settings_error(tmp_path: Path, text: str | bytes) -> None:
    try:
        source = read_toml(read(tmp_path, text))
    except SettingsError as error:
        assert error.place is not None
    else:
        for key in source.values:
            assert (source.place_of((key,)).line or 1) >= 1

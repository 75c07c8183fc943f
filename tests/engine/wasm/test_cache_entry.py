"""Names of cache entries: what is written is read again, and nothing else is taken for one."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.wasm.cache_entry import EntryName
from engine.wasm.runtime import compiler_fingerprint
from engine.wasm.tier import Tier

NAME = EntryName(module_sha256="ab" * 32, fingerprint=compiler_fingerprint(), tier=Tier.QUICK, digest="cd" * 32)


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("version", ["50.0.1", "51.0.0rc1", "50.0.1.post2+local.1", "1!2.0"])
def test_a_name_is_read_as_it_was_written(tier: Tier, version: str) -> None:
    name = EntryName(
        module_sha256="ab" * 32, fingerprint=f"wasmtime-{version}-0123456789ab", tier=tier, digest="cd" * 32
    )
    assert EntryName.parse(name.code_file) == EntryName.parse(name.notes_file) == name
    assert name.wasmtime_version == version


def test_the_fingerprint_of_this_compiler_can_be_part_of_a_name() -> None:
    assert EntryName.parse(NAME.code_file) == NAME
    assert len(NAME.code_file) < 255


@pytest.mark.parametrize(
    "file_name",
    [
        "",
        ".cwasm",
        "plugin.wasm",
        NAME.code_file.upper(),
        NAME.code_file + "\n",
        "\n" + NAME.code_file,
        "x/" + NAME.code_file,
        NAME.code_file.replace("quick", "swift"),
        NAME.code_file.replace("-quick", ""),
        NAME.code_file.replace("ab", "\u0661\u0661", 1),
        NAME.code_file.replace("wasmtime-", "wasmtime-../"),
        NAME.code_file.replace(".cwasm", ".wasm"),
        NAME.code_file.replace(".cwasm", "..cwasm"),
    ],
)
def test_another_name_is_none(file_name: str) -> None:
    assert EntryName.parse(file_name) is None


@given(st.text(max_size=300))
def test_any_text_is_a_name_that_writes_itself_again_or_none(text: str) -> None:
    name = EntryName.parse(text)
    assert name is None or text in (name.code_file, name.notes_file)

"""Packages: what is accepted, what is refused and why, and that no archive brings anything but `PackageError`."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import PackageError
from engine.plugins.package import (
    MEMBER_LIMIT,
    MEMBER_LIMIT_BYTES,
    PackageMember,
    check_member_name,
    open_package,
)
from tests.engine.plugins.manifests import manifest_bytes

Member = tuple[str | zipfile.ZipInfo, bytes]
REQUIRED: list[Member] = [("manifest.json", manifest_bytes()), ("plugin.wasm", b"\0asm")]


def archive(*members: Member, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as package:
        for name, content in members:
            package.writestr(name, content)
    return buffer.getvalue()


def write_package(folder: Path, data: bytes) -> Path:
    file = folder / "demo.ndp"
    file.write_bytes(data)
    return file


def refusal(folder: Path, data: bytes) -> str:
    with pytest.raises(PackageError) as caught:
        open_package(write_package(folder, data))
    assert caught.value.hint
    assert caught.value.place is not None
    assert caught.value.place.file == folder / "demo.ndp"
    return caught.value.summary


def special(name: str, mode: int = 0, *, flag_bits: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.flag_bits = flag_bits
    return info


def test_a_good_package_is_described(tmp_path: Path) -> None:
    data = archive(*REQUIRED, ("docs/", b""), ("docs/usage.md", b"text"))
    package = open_package(write_package(tmp_path, data))
    assert package.manifest.name == "demo"
    assert [member.name for member in package.members] == ["manifest.json", "plugin.wasm", "docs/usage.md"]
    assert package.members[2] == PackageMember(name="docs/usage.md", size_bytes=4)
    assert package.size_bytes == len(data)
    assert package.sha256 == hashlib.sha256(data).hexdigest()
    assert package.modified_ns == (tmp_path / "demo.ndp").stat().st_mtime_ns


def test_the_manifest_is_asked_for_before_the_module(tmp_path: Path) -> None:
    assert refusal(tmp_path, archive(("x", b""))) == "plugin package missing required manifest.json"
    assert refusal(tmp_path, archive(REQUIRED[0])) == "plugin package missing required plugin.wasm"


def test_required_files_in_another_case_or_folder_are_pointed_out(tmp_path: Path) -> None:
    for name in ("MANIFEST.JSON", "demo/manifest.json"):
        with pytest.raises(PackageError) as caught:
            open_package(write_package(tmp_path, archive((name, manifest_bytes()), REQUIRED[1])))
        assert caught.value.summary == "plugin package missing required manifest.json"
        assert caught.value.hint == f"The archive has {name}: pack it as manifest.json at the top level."


def test_an_invalid_manifest_is_refused_in_its_own_words(tmp_path: Path) -> None:
    data = archive(("manifest.json", manifest_bytes(capabilities=[])), REQUIRED[1])
    assert refusal(tmp_path, data) == "invalid manifest: field capabilities length: must be >= 1 (line 6)"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../evil.txt",
        "docs/../../evil.txt",
        "a..b",
        "..\\evil.txt",
        "docs\\readme.txt",
        "C:/evil.txt",
        "c:evil.txt",
        "./readme.md",
        "docs/./readme.md",
        "docs//readme.md",
        "docs//",
        "../",
        "a\nb",
        "a\x00b",
        "a\x85b",
        "x" * 256,
    ],
)
def test_names_that_may_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(PackageError) as caught:
        check_member_name(name)
    assert caught.value.summary == f"illegal file path in plugin package: {name}"


@pytest.mark.parametrize(
    "name", ["plugin.wasm", "docs/", "a/b/c/d.txt", "with space.txt", "données.txt", ".gitignore", "ab:c"]
)
def test_ordinary_names_are_accepted(name: str) -> None:
    check_member_name(name)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_an_accepted_name_stays_below_its_folder(name: str) -> None:
    try:
        check_member_name(name)
    except PackageError:
        return
    inside = os.path.normpath(os.path.join("/folder", name))
    assert inside.startswith("/folder/")
    assert inside == f"/folder/{name.removesuffix('/')}"


def test_an_illegal_name_refuses_the_whole_package(tmp_path: Path) -> None:
    for name in ("../evil.txt", "docs/../evil/"):
        data = archive(*REQUIRED, (name, b"" if name.endswith("/") else b"x"))
        assert refusal(tmp_path, data) == f"illegal file path in plugin package: {name}"


def test_a_name_that_hides_behind_a_nul_byte_is_refused(tmp_path: Path) -> None:
    data = archive(*REQUIRED, ("readme.mdX", b"x")).replace(b"readme.mdX", b"readme.md\0")
    assert refusal(tmp_path, data) == "illegal file path in plugin package: readme.md\0"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    data = archive(*REQUIRED, (special("link", kind | 0o777), b"/etc/passwd"))
    assert refusal(tmp_path, data) == "illegal file type in plugin package: link"


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    data = bytearray(archive(*REQUIRED, ("secret", b"x")))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 8] |= 0x1
    assert refusal(tmp_path, bytes(data)) == "encrypted file in plugin package: secret"


def test_unusual_compression_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, archive(*REQUIRED, method=zipfile.ZIP_BZIP2)).startswith("unknown compression")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "pair", [("README.md", "README.md"), ("README.md", "readme.MD"), ("é.txt", "e\u0301.txt"), ("a", "a/")]
)
def test_names_that_meet_in_one_file_are_refused(tmp_path: Path, pair: tuple[str, str]) -> None:
    data = archive(*REQUIRED, (pair[0], b"x"), (pair[1], b""))
    assert refusal(tmp_path, data) == f"duplicate file in plugin package: {pair[1]}"


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    data = archive(*REQUIRED, ("Docs", b"x"), ("docs/usage.md", b"y"))
    assert refusal(tmp_path, data) == "illegal file path in plugin package: docs/usage.md"


def test_the_size_limit_counts_what_comes_out(tmp_path: Path) -> None:
    exact = archive(*REQUIRED, ("big.bin", bytes(MEMBER_LIMIT_BYTES)))
    assert open_package(write_package(tmp_path, exact)).members[2].size_bytes == MEMBER_LIMIT_BYTES
    above = archive(*REQUIRED, ("big.bin", bytes(MEMBER_LIMIT_BYTES + 1)))
    assert refusal(tmp_path, above) == "error extracting file: size exceeds limit (10485760 bytes) for big.bin"


def test_all_files_together_have_a_limit(tmp_path: Path) -> None:
    big = [(f"{number}.bin", bytes(MEMBER_LIMIT_BYTES)) for number in range(7)]
    assert refusal(tmp_path, archive(*REQUIRED, *big)) == (
        "error extracting file: total size exceeds limit (67108864 bytes) at 6.bin"
    )


def test_the_number_of_files_has_a_limit(tmp_path: Path) -> None:
    fill = [(f"{number}.txt", b"") for number in range(MEMBER_LIMIT - 2)]
    assert len(open_package(write_package(tmp_path, archive(*REQUIRED, *fill))).members) == MEMBER_LIMIT
    assert refusal(tmp_path, archive(*REQUIRED, *fill, ("more", b""))) == (
        "too many files in plugin package: the limit is 1000"
    )


def test_a_count_that_lies_does_not_help(tmp_path: Path) -> None:
    data = bytearray(archive(*REQUIRED, *[(f"{number}.txt", b"") for number in range(MEMBER_LIMIT)]))
    end = data.rindex(b"PK\x05\x06")
    data[end + 8 : end + 12] = (3).to_bytes(2, "little") * 2
    assert refusal(tmp_path, bytes(data)) == "too many files in plugin package: the limit is 1000"


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"") == "error opening .ndp file: not a valid zip file"
    assert refusal(tmp_path, b"PK\x05\x06") == "error opening .ndp file: not a valid zip file"
    with pytest.raises(PackageError, match=r"error opening \.ndp file: no such file or directory"):
        open_package(tmp_path / "absent.ndp")
    with pytest.raises(PackageError, match=r"error opening \.ndp file: not a regular file"):
        open_package(tmp_path)


def test_damaged_content_is_refused(tmp_path: Path) -> None:
    data = archive(*REQUIRED, ("text", b"hello"), method=zipfile.ZIP_STORED).replace(b"hello", b"jello")
    assert refusal(tmp_path, data).startswith("error extracting file: text: ")


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=100)
    | st.builds(
        lambda position, byte: (lambda data: data[:position] + bytes([byte]) + data[position + 1 :])(
            archive(*REQUIRED)
        ),
        st.integers(0, 500),
        st.integers(0, 255),
    )
    | st.builds(lambda cut: archive(*REQUIRED)[cut:], st.integers(0, 500))
)
def test_arbitrary_bytes_are_a_package_or_a_package_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            package = open_package(write_package(Path(folder), data))
        except PackageError:
            pass
        else:
            assert package.manifest.capabilities
        assert os.listdir(folder) == ["demo.ndp"]

from __future__ import annotations

import os
from pathlib import Path


def test_a_test_sees_an_empty_home_of_its_own(tmp_path: Path) -> None:
    home = Path.home()
    assert home.is_relative_to(tmp_path.parent)
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_test_sees_no_settings_of_this_machine() -> None:
    assert [name for name in os.environ if name.startswith("ND_") or name.lower().endswith("_proxy")] == []
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        assert Path(os.environ[name]).is_relative_to(Path.home())

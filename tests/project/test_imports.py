from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import engine

ROOT = Path(__file__).parents[2]
TERMINAL_LIBRARIES = ("click", "prompt_toolkit", "rich", "textual", "workbench")

_LOADED_BY_THE_ENGINE = """
import json, sys
import engine
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

_EVERY_MODULE_WITHOUT_THEM = f"""
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys({TERMINAL_LIBRARIES}))  # None: as if not installed
import engine
for module in pkgutil.walk_packages(engine.__path__, "engine."):
    importlib.import_module(module.name)
"""


def test_the_import_contract_holds() -> None:
    lint_imports = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_fresh_interpreter_finds_no_terminal_library_in_the_engine() -> None:
    run = subprocess.run([sys.executable, "-c", _LOADED_BY_THE_ENGINE], cwd=ROOT, capture_output=True, check=True)
    loaded = json.loads(run.stdout)
    assert "engine" in loaded
    assert [name for name in TERMINAL_LIBRARIES if name in loaded] == []


def test_every_module_of_the_engine_works_where_no_terminal_library_is_installed() -> None:
    run = subprocess.run([sys.executable, "-c", _EVERY_MODULE_WITHOUT_THEM], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_every_name_that_the_engine_exports_exists() -> None:
    assert sorted(engine.__all__) == list(engine.__all__)
    assert [name for name in engine.__all__ if not hasattr(engine, name)] == []

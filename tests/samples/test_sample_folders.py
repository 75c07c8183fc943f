"""What lies in the sample plugins' folders: complete, documented, discoverable, nothing built delivered."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.contracts.registry import CAPABILITIES, HOST_SERVICES
from engine.plugins.discovery import discover
from engine.plugins.manifest import read_manifest
from tests.samples.bench import GO_SAMPLES, SAMPLES
from workbench.demo.samples import copy_samples, sample_sources
from workbench.devloop.build_config import find_recipe
from workbench.devloop.sources import scan_sources

SOURCES = sample_sources()
EACH_SAMPLE = pytest.mark.parametrize("plugin", SAMPLES)


def test_discovery_finds_the_samples_and_nothing_else(tmp_path: Path) -> None:
    copy_samples(tmp_path, SOURCES)
    found = discover(tmp_path)
    assert [(plugin.id, plugin.folder, plugin.error) for plugin in found] == [(name, name, None) for name in SAMPLES]


@EACH_SAMPLE
def test_a_sample_has_a_readme_that_names_its_methods(plugin: str) -> None:
    text = (SOURCES / plugin / "README.md").read_text()
    assert text.startswith(f"# {plugin}\n")
    assert plugin in (SOURCES / "README.md").read_text()
    for capability in read_manifest(SOURCES / plugin / "manifest.json").capabilities:
        assert capability in text or any(method in text for method in CAPABILITIES[capability].methods)


def test_the_readme_of_misbehaver_explains_every_method() -> None:
    text = (SOURCES / "misbehaver" / "README.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(CAPABILITIES["MetadataAgent"].methods)


def test_the_readme_of_lyre_toolbox_explains_every_method_of_every_host_service() -> None:
    text = (SOURCES / "lyre-toolbox" / "README.md").read_text()
    methods = [method.full_name for service in HOST_SERVICES.values() for method in service.methods.values()]
    assert sorted(re.findall(r"^\| `(\w+\.\w+)` \|", text, re.MULTILINE)) == sorted(methods)


@EACH_SAMPLE
def test_a_sample_gives_a_reason_for_every_permission(plugin: str) -> None:
    manifest = read_manifest(SOURCES / plugin / "manifest.json")
    assert manifest.permissions.is_declared
    assert manifest.website


@pytest.mark.parametrize("plugin", GO_SAMPLES)
def test_the_build_step_of_a_go_sample_watches_all_its_sources(plugin: str) -> None:
    recipe = find_recipe(SOURCES / plugin)
    assert recipe is not None
    assert recipe.has_output_mark
    watched = {path.relative_to(SOURCES).as_posix() for path, _ in scan_sources(SOURCES / plugin, recipe).files}
    assert watched >= {"go.mod", "go.sum", "client.go", "settings.go", f"{plugin}/main.go", f"{plugin}/workbench.toml"}


def test_hello_wat_needs_no_toolchain() -> None:
    recipe = find_recipe(SOURCES / "hello-wat")
    assert recipe is not None
    assert recipe.is_builtin


def test_the_go_module_needs_only_what_is_published() -> None:
    text = (SOURCES / "go.mod").read_text()
    assert "github.com/navidrome/navidrome v0.59.0" in text
    assert "replace" not in text
    assert "://" not in text


@pytest.mark.go
def test_the_go_sources_are_formatted_and_vetted() -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no go command on PATH")
    gofmt = shutil.which("gofmt") or str(Path(go).resolve().parent / "gofmt")
    listed = subprocess.run([gofmt, "-l", str(SOURCES)], capture_output=True, text=True, check=True, timeout=60)
    assert listed.stdout == ""
    # For the plugins' own system: what Navidrome's library has for it alone is not there for another.
    environment = {**os.environ, "GOOS": "wasip1", "GOARCH": "wasm"}
    subprocess.run([go, "vet", "./..."], cwd=SOURCES, env=environment, check=True, timeout=300)

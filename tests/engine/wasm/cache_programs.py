"""Programs for `test_compile_cache_endings.py`, each in a process of its own: the last line of output is `survived`."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine.wasm.compile_cache import CompileCache
from engine.wasm.runtime import Runtime
from engine.wasm.tier import Tier
from tests.engine.wasm.cache_bench import OTHER_SHA, SHA, CacheBench, code_of, exports_of, keep

_WATCHED: Final = ("open", "os.", "tempfile.", "shutil.", "fcntl.")
_MOST_STEPS: Final = 1000


def be_killed_at_every_step(folder: Path) -> None:
    """A process that stores and loads is killed before each step that it takes on the file system."""
    runtime = Runtime()
    quick, optimised = code_of(runtime, "quick"), code_of(runtime, "optimised")
    bench = CacheBench(folder / "cache", runtime)
    kept = bench.open()
    keep(kept, quick, module=OTHER_SHA)
    kept.close()
    for step in range(1, _MOST_STEPS):
        child = os.fork()
        if child == 0:
            kill_before(step)
            cache = bench.open(limit=10**9)
            keep(cache, quick, tier=Tier.QUICK)
            exports = exports_of(cache.load(SHA, plugin="probe"))
            keep(cache, optimised)
            exports += exports_of(cache.load(SHA, plugin="probe"))
            cache.purge(module_sha256=SHA)
            cache.close()
            os._exit(0 if exports[0] in ("quick", "optimised") and exports[1] == "optimised" else 1)
        status = os.waitpid(child, 0)[1]
        cache = bench.open(limit=10**9)
        assert exports_of(cache.load(SHA, plugin="probe")) in ([], ["quick"], ["optimised"]), step
        assert exports_of(cache.load(OTHER_SHA, plugin="probe")) == ["quick"], step
        cache.close()
        assert bench.faults == [], (step, bench.faults)
        assert {path.suffix for path in bench.folder.iterdir()} == {".cwasm", ".json"}, step
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0, (step, status)
            assert step > 40, "the steps are not seen any more"
            return
    raise AssertionError("the process never came to its end")


def kill_before(step: int) -> None:
    """Let this process kill itself before its n-th step on the file system from now on."""
    left = step

    def watch(event: str, _arguments: object) -> None:
        nonlocal left
        if event.startswith(_WATCHED):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def run_out_of_room(folder: Path) -> None:
    """No file can grow beyond a few bytes, as on a full disk; what was kept before still serves."""
    bench, cache, code = _kept(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    stored = keep(cache, code, module=OTHER_SHA)
    loaded = cache.load(SHA, plugin="probe")
    again = bench.open().load(SHA, plugin="probe")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert exports_of(stored) == exports_of(loaded) == exports_of(again) == ["f"]
    assert cache.load(OTHER_SHA, plugin="probe") is None
    [fault] = bench.faults
    assert "cannot keep the compiled module: file too large" in fault, fault
    bench.close()
    assert len(list(bench.folder.iterdir())) == 2


def run_out_of_descriptors(folder: Path) -> None:
    """An entry that cannot be opened just now is neither taken for a damaged one nor lost."""
    bench, cache, _ = _kept(folder)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    missed = cache.load(SHA, plugin="probe")
    assert cache.entries() == ()
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert missed is None
    assert all("too many open files" in fault for fault in bench.faults), bench.faults
    assert len(bench.faults) == 2
    assert exports_of(cache.load(SHA, plugin="probe")) == ["f"]


def map_code_where_that_is_safe(folder: Path) -> None:
    """On Linux code is mapped from the file that was digested; elsewhere its bytes are read and digested again."""
    bench, cache, code = _kept(folder)
    if sys.platform == "linux":
        mapped = cache.load(SHA, plugin="probe")
        assert exports_of(mapped) == ["f"]
        assert str(bench.folder) in Path("/proc/self/maps").read_text()
        del mapped
        assert str(bench.folder) not in Path("/proc/self/maps").read_text()
    sys.platform = "another system"
    read = cache.load(SHA, plugin="probe")
    stored = keep(cache, code, module=OTHER_SHA)
    assert exports_of(read) == exports_of(stored) == ["f"]
    assert bench.faults == []
    maps = Path("/proc/self/maps")
    assert not maps.exists() or str(bench.folder) not in maps.read_text()
    bench.only_code_file_of(SHA).write_bytes(code[:-1])
    assert cache.load(SHA, plugin="probe") is None
    assert "digest" in bench.faults[0]


def _kept(folder: Path) -> tuple[CacheBench, CompileCache, bytes]:
    runtime = Runtime()
    code = code_of(runtime)
    bench = CacheBench(folder / "cache", runtime)
    cache = bench.open()
    keep(cache, code)
    return bench, cache, code


PROGRAMS: dict[str, Callable[[Path], None]] = {
    program.__name__: program
    for program in (
        be_killed_at_every_step,
        run_out_of_room,
        run_out_of_descriptors,
        map_code_where_that_is_safe,
    )
}


def run_in_a_process(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one of `PROGRAMS` in a fresh interpreter."""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-m", __name__, name, str(folder)], capture_output=True, text=True, env=environ, timeout=120
    )


if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](Path(sys.argv[2]))
    print("survived")

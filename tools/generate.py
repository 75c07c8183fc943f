"""Writes the committed copies of `proto/` and `schema/` that the packages carry (`make generate`).

The Python modules come from protoc and are then changed in two places: they load into the descriptor pool of
`engine.contracts.pool` instead of the process-wide one, and their stubs get the type arguments that mypy asks for.
"""

from __future__ import annotations

import shutil
import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "engine/contracts"
SCHEMA = "schema/manifest.schema.json"
SCHEMA_COPY = "engine/plugins/manifest.schema.json"

_MODULE_CHANGES = (
    (
        "from google.protobuf import descriptor_pool as _descriptor_pool\n",
        "from engine.contracts.pool import POOL as _POOL\n",
    ),
    ("_descriptor_pool.Default().AddSerializedFile(", "_POOL.AddSerializedFile("),
)
_STUB_CHANGES = ((", _Mapping]", ", _Mapping[str, object]]"),)


def generate(target: Path) -> list[Path]:
    """Write every generated file below `target`, a copy of the repository's layout; their relative paths, sorted.

    Raises `RuntimeError` when protoc refuses a source (its own text is on stderr) or writes what we cannot adapt.
    """
    sources = sorted(path.relative_to(ROOT / "proto") for path in (ROOT / "proto").rglob("*.proto"))
    target.mkdir(parents=True, exist_ok=True)
    arguments = [
        "protoc",
        # The modules are known to protoc under the package that carries them, so that classes name their real module.
        f"--proto_path={PACKAGE}={ROOT / 'proto'}",
        f"--proto_path={files('grpc_tools') / '_proto'}",
        f"--python_out={target}",
        f"--pyi_out={target}",
        *(f"{PACKAGE}/{source.as_posix()}" for source in sources),
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError("protoc refused the sources in proto/; nothing usable was generated")
    written = []
    for source in sources:
        module = Path(PACKAGE, source.parent, f"{source.stem}_pb2.py")
        _rewrite(target / module, _MODULE_CHANGES)
        stub = module.with_suffix(".pyi")
        _rewrite(target / stub, _STUB_CHANGES, is_optional=True)
        written += [module, stub]
    (target / SCHEMA_COPY).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / SCHEMA, target / SCHEMA_COPY)
    return sorted([*written, Path(SCHEMA_COPY)])


def _rewrite(path: Path, changes: tuple[tuple[str, str], ...], *, is_optional: bool = False) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        if old not in text and not is_optional:
            raise RuntimeError(f"{path}: protoc no longer writes {old.strip()!r}; adapt tools/generate.py")
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8", newline="\n")


def main() -> int:
    """Generate into the repository and remove generated modules whose source is gone."""
    try:
        written = generate(ROOT)
    except RuntimeError as error:
        print(f"generate: {error}", file=sys.stderr)
        return 1
    for path in sorted((ROOT / PACKAGE).rglob("*_pb2.py*")):
        if path.suffix in {".py", ".pyi"} and path.relative_to(ROOT) not in written:
            path.unlink()
    print(f"generated {len(written)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())

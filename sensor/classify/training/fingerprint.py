"""What examples depend on, as one hash: the corpus, and the code that makes examples of it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

import sensor
from sensor.classify.training import examples

PACKAGE = Path(sensor.__file__).parent
TABLES = ("files.csv", "events.csv", "esc50_attributions.csv")
ROOTS = ("classify/training/dataset.py",)
"""Where the making of examples begins; what these import, and so on, belongs to it."""
IDLE = (
    "classify/model.py",
    "classify/trees.py",
    "classify/measures.py",
    "classify/training/fingerprint.py",
    "config/",
    "detect/witness.py",
    "errors.py",
    "events.py",
    "geodesy.py",
)
"""Imported on the way, but no example depends on them: weights, wire formats, messages."""


def fingerprint(root: Path) -> str:
    """Hash of the corpus in ``root`` and of the code that turns it into examples; 16 hexadecimal digits."""
    digest = hashlib.sha256(str(examples.ROW).encode())
    for name in TABLES:
        digest.update((root / name).read_bytes())
    for path in sorted(path for path in root.rglob("*") if path.suffix in {".flac", ".wav", ".ogg"}):
        digest.update(path.relative_to(root).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    for path in sources():
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + _meaning(path.read_text("utf-8")))
    return digest.hexdigest()[:16]


def sources() -> list[Path]:
    """Files of the package that examples depend on, sorted: the imports of ``ROOTS``, all the way down."""
    found: set[Path] = set()
    waiting = [PACKAGE / name for name in ROOTS]
    while waiting:
        path = waiting.pop()
        if path in found or path.relative_to(PACKAGE).as_posix().startswith(IDLE):
            continue
        found.add(path)
        waiting += _imported(path)
    return sorted(found)


def _imported(path: Path) -> Iterator[Path]:
    """Files of the package that a file imports, also within functions."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [item.name for item in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{item.name}" for item in node.names)]
        for name in names:
            module = PACKAGE.parent.joinpath(*name.split("."))
            if name.startswith("sensor.") and module.with_suffix(".py").is_file():
                yield module.with_suffix(".py")


def _meaning(source: str) -> bytes:
    """Source text without comments, layout and docstrings: what may change without making examples again."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            node.body = [
                item
                for item in node.body
                if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
            ] or [ast.Pass()]
    return ast.unparse(tree).encode()

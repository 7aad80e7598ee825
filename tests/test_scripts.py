"""What is true of every script."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_python_without_the_suffix_is_linted_too() -> None:
    """Ruff takes files for Python by their suffix, and passes over the others unless they are named."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    python = []
    for path in sorted((ROOT / "scripts").iterdir()):
        if path.is_file() and path.suffix != ".py":
            first = path.read_bytes().partition(b"\n")[0]
            if first.startswith(b"#!") and b"python" in first:
                python.append(f"scripts/{path.name}")
    assert python
    assert project["tool"]["ruff"]["extend-include"] == python

"""Units of the ``systemd`` folder: what they say, and what systemd makes of them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_S

FOLDER = Path(__file__).parents[2] / "systemd"
EXPOSURE_MAX = 2.0
"""Exposure level by ``systemd-analyze security`` that a daemon of ours stays below; 10 = no sandbox."""

_TOOLS = ("systemd-analyze", "systemd-sysusers", "systemd-tmpfiles")
needs_systemd = pytest.mark.skipif(
    not all(shutil.which(tool) for tool in _TOOLS), reason="apt-get install systemd"
)


class Unit:
    """The service of one program, installed below ``/opt`` under the program's name."""

    def __init__(self, program: str) -> None:
        self.name = f"{program}.service"
        self.installed = f"/opt/{program}/bin/{program}"
        self.text = (FOLDER / self.name).read_text(encoding="utf-8")

    def directives(self) -> dict[str, list[str]]:
        """Values of each ``Section.Key``, in order."""
        found: dict[str, list[str]] = {}
        section = ""
        for line in self.text.splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#"):
                key, _, value = line.partition("=")
                found.setdefault(f"{section}.{key}", []).append(value)
        return found

    def without_sandbox(self) -> str:
        """Its text as it would be if nobody had thought of security."""
        return re.sub(r"^(Protect|Restrict|SystemCall|Capability).*\n", "", self.text, flags=re.MULTILINE)

    def analysed(self, folder: Path, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run systemd-analyze over it, or ``text`` in its place, with a program that exists here."""
        text = text or self.text
        assert self.installed in text
        unit = folder / self.name
        unit.write_text(text.replace(self.installed, sys.executable), encoding="utf-8")
        return run("systemd-analyze", *words, str(unit))

    def judged(self, folder: Path, *, text: str = "") -> subprocess.CompletedProcess[str]:
        """Whether systemd finds it exposed no further than EXPOSURE_MAX."""
        threshold = f"--threshold={int(EXPOSURE_MAX * 10)}"
        return self.analysed(folder, "security", "--offline=true", threshold, text=text)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever its exit code."""
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)

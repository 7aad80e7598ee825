"""Start a script again with the project's own Python where another one was used: ``./calibrate_level.py``."""

import importlib.util
import os
import sys
from pathlib import Path

PYTHON = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "python"


def ensure() -> None:
    """Return when the package can be imported; else run again in ``.venv``, or say how to make it."""
    if importlib.util.find_spec("sensor") and importlib.util.find_spec("click"):
        return
    if Path(sys.executable) == PYTHON or not PYTHON.exists():
        sys.exit(f"{PYTHON} lacks the sensor package: run scripts/run once, it sets everything up")
    os.execv(PYTHON, [str(PYTHON), *sys.argv])  # noqa: S606  our own arguments, no shell

"""Fixtures every test may use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("busy machine", deadline=None)  # a slow example is no fault
settings.load_profile("busy machine")


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start: a shell that runs them in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Folder of the real recordings; skips where it is absent."""
    named = os.environ.get("GUNSHOT_CORPUS", "")
    if not named or not (Path(named) / "events.csv").is_file():
        pytest.skip("GUNSHOT_CORPUS does not name a folder with the real recordings")
    return Path(named)

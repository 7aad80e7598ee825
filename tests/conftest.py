"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("busy machine", deadline=None)  # a slow example is no fault
settings.load_profile("busy machine")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Folder of the real recordings; skips where it is absent."""
    named = os.environ.get("GUNSHOT_CORPUS", "")
    if not named or not (Path(named) / "events.csv").is_file():
        pytest.skip("GUNSHOT_CORPUS does not name a folder with the real recordings")
    return Path(named)

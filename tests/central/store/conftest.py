"""One store of each kind, empty, real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.central.store import Store
from sensor.central.store.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = SqliteStore(tmp_path / "record.db")
    yield opened
    opened.close()

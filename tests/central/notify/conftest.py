"""A record of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.central.store.sqlite import SqliteStore
from tests.support.record import record


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with record(tmp_path) as opened:
        yield opened

"""One store of each kind, empty, real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.central.store import Store
from sensor.central.store.postgres import PostgresStore
from sensor.central.store.sqlite import SqliteStore
from tests.support.postgres import PostgresServer


@pytest.fixture
def dsn(server: PostgresServer) -> str:
    """How to reach an empty schema of it."""
    return server.dsn(schema=server.new_schema())


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path / "record.db")
    else:
        opened = PostgresStore(request.getfixturevalue("dsn"))
    yield opened
    opened.close()

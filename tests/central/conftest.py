"""What tests of the central side share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres import PostgresServer


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL that this process shares; skips where there is none."""
    with PostgresServer() as started:
        yield started

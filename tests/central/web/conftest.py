"""A served town for the tests that only look, another for each test that changes something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.web_client import Client, logged_in
from tests.support.web_town import Site, served

As = Callable[[str], Client]


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """To look at; nobody changes it."""
    with served(tmp_path_factory.mktemp("town")) as site:
        yield site


@pytest.fixture(scope="session")
def as_(town: Site) -> As:
    """Somebody of a role in `town`."""
    return cache(lambda role: logged_in(town.url, role))


@pytest.fixture
def own_town(tmp_path: Path) -> Iterator[Site]:
    """One of this test alone."""
    with served(tmp_path) as site:
        yield site

"""What the tests of one unit share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """The directives of the module's unit, by ``Section.Key``."""
    directives: dict[str, list[str]] = request.module.UNIT.directives()
    return directives

"""How long tests wait for what must happen.

Only a test that fails ever waits so long. A loaded machine is slow, not wrong, so no test has a shorter
deadline than this one, and none asserts that something was quick.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 120.0


def wait_until(condition: Callable[[], object], timeout_s: float = PATIENCE_S, what: str = "") -> None:
    """Return as soon as ``condition`` holds; fail the test if it does not within ``timeout_s``."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise AssertionError(f"within {timeout_s:g} s it did not happen that {what or condition}")
        time.sleep(0.005)

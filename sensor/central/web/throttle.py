"""How often somebody may be wrong about a password."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import deque
from collections.abc import Callable

from sensor.errors import CentralError

_NAMES_MAX = 10_000


class TooOften(CentralError):  # noqa: N818  a state, not a fault
    """Too many wrong passwords; ``wait_s`` says how long to wait."""

    def __init__(self, wait_s: float) -> None:
        """Say how long to wait."""
        super().__init__(f"too many wrong passwords; try again in {wait_s:.0f} s, or ask an administrator")
        self.wait_s = wait_s


def network_of(address: str) -> str:
    """The address, or its /64 where it is one of IPv6: a stranger has as many of those as he likes."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))


class Throttle:
    """Counts failures per name and address, and per address.

    A name alone is not locked: whoever knows a dispatcher's name could lock the dispatcher out.

    Args:
        failures_max: failures for one name from one address within the window.
        window_s: how long a failure counts.
        per_address: so many times as many failures are allowed from one address for all names together.
        mono_s: the clock.
    """

    def __init__(
        self,
        *,
        failures_max: int,
        window_s: float,
        per_address: int = 5,
        mono_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures_max = failures_max
        self._window_s = window_s
        self._per_address = per_address
        self._mono_s = mono_s
        self._lock = threading.Lock()
        self._failures: dict[tuple[str, str], deque[float]] = {}

    def attempt(self, address: str, name: str) -> None:
        """Count a try as wrong until `succeeded` says otherwise: many at once get no further than one by one.

        Raises:
            TooOften: it is too early for another one.
        """
        place = network_of(address)
        with self._lock:
            now_s = self._mono_s()
            wait_s = max(
                self._wait_s((place, name), self._failures_max, now_s),
                self._wait_s((place, ""), self._failures_max * self._per_address, now_s),
            )
            if wait_s > 0.0:
                raise TooOften(wait_s)
            if len(self._failures) >= _NAMES_MAX:
                self._forget(now_s)
            for key in ((place, name), (place, "")):
                self._failures.setdefault(key, deque(maxlen=1000)).append(now_s)

    def succeeded(self, address: str, name: str) -> None:
        """Forget a name's failures; this try was none."""
        place = network_of(address)
        with self._lock:
            self._failures.pop((place, name), None)
            if tries := self._failures.get((place, "")):
                tries.pop()

    def _wait_s(self, key: tuple[str, str], most: int, now_s: float) -> float:
        times = self._failures.get(key)
        while times and times[0] <= now_s - self._window_s:
            times.popleft()
        if not times or len(times) < most:
            return 0.0
        return max(1.0, times[-most] + self._window_s - now_s)

    def _forget(self, now_s: float) -> None:
        """Drop what no longer counts, and everything if that is not enough (an attack by many names)."""
        old_s = now_s - self._window_s
        for key in [key for key, times in self._failures.items() if not times or times[-1] <= old_s]:
            del self._failures[key]
        if len(self._failures) >= _NAMES_MAX:
            for key in [key for key in self._failures if key[1]]:
                del self._failures[key]

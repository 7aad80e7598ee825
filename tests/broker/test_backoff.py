"""Waits before the next attempt to connect."""

from __future__ import annotations

from itertools import pairwise

from sensor.broker.backoff import Backoff


def test_waits_stay_between_their_bounds_and_grow_threefold_at_most() -> None:
    backoff = Backoff(1.0, 60.0)
    waits = [1.0, *(backoff.next_s() for _ in range(200))]
    for earlier, later in pairwise(waits):
        assert 1.0 <= later <= min(60.0, 3.0 * earlier)
    assert max(waits) > 30.0


def test_waits_differ_so_that_a_fleet_does_not_return_at_once() -> None:
    assert len({Backoff(1.0, 60.0).next_s() for _ in range(50)}) == 50


def test_after_a_healthy_connection_the_first_wait_is_short_again() -> None:
    backoff = Backoff(1.0, 60.0)
    assert 30.0 <= backoff.long_s() <= 60.0
    backoff.reset()
    assert backoff.next_s() <= 3.0

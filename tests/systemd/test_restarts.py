"""Watchdog and restarts of both units are those that the daemons are made for."""

from __future__ import annotations

import pytest

from sensor.command_line import EXIT_CONFIG
from tests.support.units import Unit


@pytest.mark.parametrize(("name", "watchdog_s_min"), [("gunshot-sensor", 10.0), ("gunshot-central", 60.0)])
def test_a_daemon_that_fails_or_hangs_is_started_again(name: str, watchdog_s_min: float) -> None:
    service = Unit(name).directives()
    assert service["Service.Type"] == ["notify"]
    assert float(service["Service.WatchdogSec"][0]) >= watchdog_s_min
    assert service["Service.Restart"] == ["on-failure"]
    assert service["Unit.StartLimitIntervalSec"] == ["0"]


@pytest.mark.parametrize("name", ["gunshot-sensor", "gunshot-central"])
def test_the_daemon_itself_refuses_a_faulty_configuration_and_is_not_started_again(name: str) -> None:
    """RestartPreventExitStatus= does not look at ExecStartPre=, which would be tried again for ever."""
    service = Unit(name).directives()
    assert service["Service.RestartPreventExitStatus"] == [str(EXIT_CONFIG)]
    assert not [key for key in service if key.startswith("Service.ExecStartPre")]

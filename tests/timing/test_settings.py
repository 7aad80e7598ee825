from __future__ import annotations

import pytest

from sensor.timing.settings import TimingSettings


@pytest.mark.parametrize("gpsd", ["", ":2947", "host:", "host:0", "a b", "host:port", "on", "no"])
def test_a_gpsd_that_is_no_address_is_refused(gpsd: str) -> None:
    with pytest.raises(ValueError, match="gpsd"):
        TimingSettings(gpsd=gpsd)


@pytest.mark.parametrize("device", ["", "pps0", "/dev/", "/sys/x"])
def test_a_pps_device_outside_dev_is_refused(device: str) -> None:
    with pytest.raises(ValueError, match="pps_device"):
        TimingSettings(pps_device=device)


@pytest.mark.parametrize("gpsd", ["auto", "none", "127.0.0.1:2947", "gps.lan"])
def test_addresses_are_taken(gpsd: str) -> None:
    assert TimingSettings(gpsd=gpsd, pps_device="/dev/pps1").gpsd == gpsd

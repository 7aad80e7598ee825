"""All sources together: which are asked, which names the second, what is complained of."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sensor.errors import ConfigError
from sensor.timing.gpsd import Gpsd
from sensor.timing.kernel import read_clocks
from sensor.timing.pps import PpsDevice
from sensor.timing.settings import TimingSettings
from sensor.timing.sources import Sources, address
from sensor.types import ClockSource
from tests.support.patience import wait_until
from tests.support.ports import free_port
from tests.support.receiver import scripted_gpsd
from tests.support.simulated_clocks import SYNCHRONISED

ALONE = TimingSettings(chrony="off", gpsd="none", pps_device="none")


def pulsing(folder: Path) -> PpsDevice:
    (folder / "pps0").mkdir()
    device = PpsDevice("auto", folder)
    for sequence in range(1, 7):
        text = f"{int(time.time())}.000000000#{sequence}\n"
        (folder / "pps0" / "assert").write_text(text, encoding="ascii")
        device.poll()
    return device


def test_a_pulse_needs_another_source_to_name_its_second(tmp_path: Path) -> None:
    sources = Sources(ALONE, lambda: SYNCHRONISED)
    sources.pps = pulsing(tmp_path)
    reading = read_clocks()
    assert sources.votes(reading, None, None) == []
    votes = sources.votes(reading, SYNCHRONISED, None)
    assert [vote.source for vote in votes] == [ClockSource.NTP, ClockSource.PPS]
    held = votes[0]
    assert [vote.source for vote in sources.votes(reading, None, held)] == [ClockSource.PPS]


def test_pulses_of_a_receiver_without_a_fix_are_not_believed(tmp_path: Path) -> None:
    with scripted_gpsd() as server:
        sources = Sources(ALONE, lambda: SYNCHRONISED)
        sources.pps = pulsing(tmp_path)
        sources.gpsd = Gpsd("127.0.0.1", server.port)
        sources.gpsd.poll()
        server.accept()
        assert [vote.source for vote in sources.votes(read_clocks(), SYNCHRONISED, None)] == [ClockSource.NTP]
        server.send(json.dumps({"class": "TPV", "mode": 3}).encode() + b"\n")

        def fixed() -> bool:
            assert sources.gpsd is not None
            sources.gpsd.poll()
            return sources.gpsd.fix() is not None

        wait_until(fixed, what="a fix is told")
        votes = sources.votes(read_clocks(), SYNCHRONISED, None)
        assert [vote.source for vote in votes] == [ClockSource.NTP, ClockSource.PPS]
        sources.close()


def test_only_what_was_asked_for_is_complained_of(tmp_path: Path) -> None:
    wanted = TimingSettings(chrony="on", gpsd=f"127.0.0.1:{free_port()}", pps_device=f"/dev/{tmp_path.name}")
    sources = Sources(wanted, lambda: SYNCHRONISED)
    sources.poll()
    assert len([item for item in sources.problems() if "gpsd" in item or "PPS" in item]) == 2
    sources.close()
    silent = Sources(TimingSettings(), lambda: SYNCHRONISED)
    silent.poll()
    assert silent.problems() == ()
    silent.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("auto", ("127.0.0.1", 2947)), ("gps.lan", ("gps.lan", 2947)), ("10.0.0.7:3000", ("10.0.0.7", 3000))],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert address(text) == expected


@pytest.mark.parametrize("text", ["", ":2947", "host:0", "host:99999", "host:gps"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"timing\.gpsd"):
        address(text)

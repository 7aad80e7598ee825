"""A survey of the position with gpsd: reached first, survived when it goes, told of when it gives nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import pytest

from sensor.calibrate.option_types import TCP_ADDRESS
from sensor.calibrate.position_command import new_fixes
from sensor.timing.gpsd import Gpsd
from tests.support.calibration_command import run
from tests.support.patience import PATIENCE_S
from tests.support.receiver import scripted_gpsd


def test_a_gpsd_that_is_not_there_is_told(tmp_path: Path) -> None:
    with mock.patch("sensor.calibrate.position_command.CONNECT_WITHIN_S", 0.5):
        code, printed = run("position", "--gpsd", "127.0.0.1:9", "--state-dir", tmp_path, "--hours", 72)
    assert code == 1
    assert "127.0.0.1:9: [Errno 111] Connection refused" in printed
    assert "Leave the antenna" not in printed, "nobody waits for a survey that cannot be"


SILENT = b'{"class":"VERSION"}\n'
NO_SKY = b'{"class":"SKY","uSat":2}\n{"class":"TPV","mode":1}\n'
FLAT = b'{"class":"TPV","mode":2,"lat":35.9,"lon":-78.9}\n'


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (SILENT, "tells of no satellite"),
        (NO_SKY, "the receiver uses 2 satellites"),
        (FLAT, "a place without a height"),
        (None, "see what it says: journalctl -u gpsd"),
    ],
)
def test_a_survey_without_one_fix_says_why(said: bytes | None, why: str, tmp_path: Path) -> None:
    with scripted_gpsd() as server, ThreadPoolExecutor(1) as pool:

        def serve() -> None:
            server.accept()
            if said is None:
                time.sleep(0.3)  # it is there at first
                server.close()
            else:
                server.send(said)

        served = pool.submit(serve)
        with mock.patch("sensor.calibrate.position_command.PATIENCE_S", 1.5):
            code, printed = run("position", "--gpsd", f"127.0.0.1:{server.port}", "--state-dir", tmp_path)
        served.result()
    assert code == 1
    assert why in printed
    assert "Leave the antenna" in printed


def test_a_gpsd_that_goes_and_comes_back_does_not_end_a_survey() -> None:
    with scripted_gpsd() as server, ThreadPoolExecutor(1) as pool:
        receiver = Gpsd("127.0.0.1", server.port)
        fixes = new_fixes(receiver, PATIENCE_S)
        for _ in range(2):
            waiting = pool.submit(next, fixes)
            server.accept()
            server.send(b'{"class":"TPV","mode":3,"lat":35.9,"lon":-78.9,"altHAE":85.0}\n')
            assert waiting.result().height_m == 85.0
            server.hang_up()
        receiver.close()


@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        ":2947",
        "here:",
        "nowhere:99999",
        "here:0",
        "here:-1",
        "a b:2947",
        "[::1:2947",
        "a..b:2947",
    ],
)
def test_what_can_be_no_address_is_wrong_usage(address: str, tmp_path: Path) -> None:
    code, printed = run("position", "--gpsd", address, "--state-dir", tmp_path)
    assert code == 2
    assert "is not HOST:PORT" in printed


@pytest.mark.parametrize("address", ["gps.local:2947", "127.0.0.1:1", "[::1]:2947", "::1:2947"])
def test_what_can_be_an_address_is_taken(address: str) -> None:
    host, port = TCP_ADDRESS.convert(address, None, None)
    assert f"{host}:{port}" == address.replace("[", "").replace("]", "")

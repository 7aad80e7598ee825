"""The client against a real gpsd on a pseudo-terminal, and against a server that sends rubbish."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.timing import satellite
from sensor.timing.gpsd import KEPT_OFFSETS, Gpsd
from sensor.timing.kernel import read_clocks
from sensor.types import ClockSource
from tests.support.patience import wait_until
from tests.support.ports import free_port
from tests.support.receiver import (
    LAT_DEG,
    LON_DEG,
    RealGpsd,
    Receiver,
    ScriptedGpsd,
    scripted_gpsd,
)

needs_gpsd = pytest.mark.skipif(shutil.which("gpsd") is None, reason="gpsd is not installed")


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.start()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="module")
def real(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealGpsd]:
    daemon = RealGpsd(receiver.path, tmp_path_factory.mktemp("gpsd"))
    daemon.start()
    yield daemon
    daemon.kill()


def until(client: Gpsd, condition: Callable[[], object], what: str) -> None:
    def polled() -> bool:
        client.poll()
        return bool(condition())

    wait_until(polled, what=what)


@needs_gpsd
def test_real_gpsd_fix_loss_silence_kill_and_return(receiver: Receiver, real: RealGpsd) -> None:
    """One session, since every step of it takes real seconds."""
    client = Gpsd("127.0.0.1", real.port)
    until(client, lambda: client.fix() is not None, "a fix")
    fix = client.fix()
    assert fix is not None
    until(client, lambda: (fix := client.fix()) is not None and fix.mode == 3, "a 3D fix")
    fix = client.fix()
    assert fix is not None
    assert fix.lat_deg == pytest.approx(LAT_DEG, abs=1e-5)
    assert fix.lon_deg == pytest.approx(LON_DEG, abs=1e-5)
    until(client, lambda: len(client.sentences()) >= satellite.FEWEST, "time sentences")
    vote = satellite.vote(client, read_clocks())
    assert vote is not None
    assert vote.source is ClockSource.GPS
    assert vote.sigma_ns >= satellite.NMEA_SIGMA_NS
    assert abs(vote.offset_ns - read_clocks().offset_ns) < 3 * vote.sigma_ns

    receiver.mode = "nofix"
    until(client, lambda: client.fix() is None, "loss of the fix")
    assert satellite.vote(client, read_clocks()) is None, "gpsd goes on sending times without a fix"

    receiver.mode = "2d"
    until(client, lambda: (fix := client.fix()) is not None and fix.mode == 2, "a 2D fix")

    real.kill()
    until(client, lambda: client.error is not None, "notice of the killed daemon")
    receiver.mode = "3d"
    real.start()
    until(client, lambda: client.fix() is not None, "a fix after the restart")

    receiver.mode = "garbage"
    until(client, lambda: client.fix() is None, "staleness under garbage")
    assert satellite.vote(client, read_clocks()) is None
    client.close()


@needs_gpsd
def test_a_receiver_that_lost_a_week_count_never_moves_utc(tmp_path: Path) -> None:
    """Gpsd mends some rollovers itself (3.22 adds 1024 weeks); what it does not mend is refused."""
    receiver = Receiver()
    receiver.mode = "rollover"
    receiver.start()
    daemon = RealGpsd(receiver.path, tmp_path)
    daemon.start()
    client = Gpsd("127.0.0.1", daemon.port)
    try:
        until(client, lambda: len(client.sentences()) >= satellite.FEWEST, "time sentences")
        assert client.fix() is not None
        reading = read_clocks()
        vote = satellite.vote(client, reading)
        assert vote is None or abs(vote.offset_ns - reading.offset_ns) < 2 * 10**9
    finally:
        client.close()
        daemon.kill()
        receiver.stop()


# Against a server that sends what the test wants


@pytest.fixture
def server() -> Iterator[ScriptedGpsd]:
    with scripted_gpsd() as server:
        yield server


def line(**report: object) -> bytes:
    return json.dumps(report).encode() + b"\n"


def pulse(offset_ns: int, utc_s: int | None = None) -> bytes:
    second = int(time.time()) if utc_s is None else utc_s
    clock_ns = second * 10**9 - offset_ns
    return line(
        **{"class": "PPS", "device": "/dev/ttyS0", "real_sec": second, "real_nsec": 0},
        clock_sec=clock_ns // 10**9,
        clock_nsec=clock_ns % 10**9,
        precision=-20,
    )


FIX = line(**{"class": "TPV", "mode": 3, "lat": LAT_DEG, "lon": LON_DEG})


@pytest.fixture
def client(server: ScriptedGpsd) -> Iterator[Gpsd]:
    client = Gpsd("127.0.0.1", server.port)
    client.poll()
    server.accept()
    yield client
    client.close()


def test_pulses_give_a_vote_of_microseconds(server: ScriptedGpsd, client: Gpsd) -> None:
    server.send(FIX + b"".join(pulse(1_250_000 + jitter) for jitter in (-900, 300, 0, 800, -200)))
    until(client, lambda: len(client.pulses()) == 5, "five pulses")
    reading = read_clocks()
    vote = satellite.vote(client, reading)
    assert vote is not None
    assert vote.source is ClockSource.PPS
    assert vote.offset_ns - reading.offset_ns == 1_250_000
    assert vote.sigma_ns < 10_000


def test_dates_of_the_past_are_refused_and_reported(server: ScriptedGpsd, client: Gpsd) -> None:
    old_s = int(time.time()) - 1024 * 7 * 86_400
    server.send(FIX + b"".join(pulse(0, old_s + second) for second in range(6)))
    until(client, lambda: len(client.pulses()) == 6, "six pulses")
    assert satellite.vote(client, read_clocks()) is None
    assert "rollover" in (satellite.complaint(client) or "")


def test_one_wild_pulse_does_not_move_the_vote(server: ScriptedGpsd, client: Gpsd) -> None:
    server.send(FIX + b"".join(pulse(offset) for offset in (0, 100, 400_000_000, -100, 50, 0)))
    until(client, lambda: len(client.pulses()) == 6, "six pulses")
    reading = read_clocks()
    vote = satellite.vote(client, reading)
    assert vote is not None
    assert abs(vote.offset_ns - reading.offset_ns) < 1000


def test_pulses_without_a_fix_are_no_vote(server: ScriptedGpsd, client: Gpsd) -> None:
    server.send(line(**{"class": "TPV", "mode": 1}) + b"".join(pulse(0) for _ in range(6)))
    until(client, lambda: len(client.pulses()) == 6, "six pulses")
    assert satellite.vote(client, read_clocks()) is None


def test_half_lines_huge_lines_and_binary_are_passed_over(server: ScriptedGpsd, client: Gpsd) -> None:
    server.send(b'{"class":"TPV","mode":3,"lat":')
    client.poll()
    server.send(b'1.0,"lon":2.0}\n' + b"\xff\xfe\x00junk\n" + b"x" * 200_000)
    until(client, lambda: client.fix() is not None, "the halved line")
    server.send(b"x" * 200_000 + b"\n" + FIX)
    until(client, lambda: (fix := client.fix()) is not None and fix.lat_deg == LAT_DEG, "the next line")
    assert client.rubbish >= 2
    assert len(client._buffer) <= 65_536 + 65_536


@pytest.mark.parametrize(
    "report",
    [
        {"class": "TPV", "mode": "3", "lat": 1, "lon": 2},
        {"class": "TPV", "mode": 3, "lat": 91.0, "lon": 2},
        {"class": "PPS", "real_sec": "x", "real_nsec": 0, "clock_sec": 0, "clock_nsec": 0},
        {"class": "PPS", "real_sec": 10**30, "real_nsec": 0, "clock_sec": 0, "clock_nsec": 0},
        {"class": "PPS", "real_sec": 1.5, "real_nsec": 0, "clock_sec": 0, "clock_nsec": 0},
        {"class": "TOFF"},
        {"class": "SKY", "satellites": 7},
        {"class": ["TPV"]},
        {"no": "class"},
        [],
        None,
        7,
    ],
)
def test_wrong_types_are_counted_and_harmless(server: ScriptedGpsd, client: Gpsd, report: object) -> None:
    server.send(json.dumps(report).encode() + b"\n" + FIX)
    until(client, lambda: client.fix() is not None, "the good report after it")
    assert client.pulses() == []
    assert satellite.vote(client, read_clocks()) is None


def test_nan_and_infinity_are_unknown_not_figures(server: ScriptedGpsd, client: Gpsd) -> None:
    server.send(b'{"class":"TPV","mode":3,"lat":NaN,"lon":Infinity,"altHAE":-Infinity,"epx":1e999}\n')
    until(client, lambda: client.fix() is not None, "the report")
    fix = client.fix()
    assert fix is not None
    assert (fix.lat_deg, fix.lon_deg, fix.height_m, fix.horizontal_sigma_m) == (None, None, None, None)


def test_a_server_that_hangs_up_is_tried_again(server: ScriptedGpsd, client: Gpsd) -> None:
    server.hang_up()
    until(client, lambda: client.error is not None, "notice")
    until(client, lambda: client.error is None, "the next connection")


def test_an_absent_gpsd_is_an_error_in_words_and_no_wait() -> None:
    port = free_port()
    client = Gpsd("127.0.0.1", port)
    client.poll()
    assert str(port) in (client.error or "")
    assert client.fix() is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=8))
def test_no_bytes_whatever_break_the_parser(chunks: list[bytes]) -> None:
    client = Gpsd()
    for chunk in chunks:
        client._split(chunk, time.monotonic())
    client._split(b"\n" + FIX, time.monotonic())
    assert client.fix() is not None
    assert len(client._pulses.kept) <= KEPT_OFFSETS

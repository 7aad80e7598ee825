"""The chrony reader against real chronyds and against clients that answer rubbish."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import ClockError
from sensor.timing import chrony as chrony_module
from sensor.timing.chrony import Chrony, parse
from sensor.timing.kernel import read_clocks
from sensor.timing.vote import Vote
from sensor.types import ClockSource
from tests.support.chronyd import Chronyd, LopsidedPath, ReferenceClock
from tests.support.patience import wait_until
from tests.support.ports import free_port

needs_chrony = pytest.mark.skipif(shutil.which("chronyd") is None, reason="chrony is not installed")

TRACKING = (
    "C0A80101,192.168.1.1,3,1795424000.123,0.000012000,0.000034000,0.000050000,"
    "-12.3,0.001,0.05,0.020000000,0.001500000,64.2,Normal"
)
SOURCES = "^,*,192.168.1.1,2,6,377,23,0.000010,0.000011,0.002\n^,x,192.168.1.2,2,6,377,20,0.5,0.5,0.003\n"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def until(client: Chrony, condition: Callable[[], object], what: str) -> None:
    def polled() -> bool:
        client.poll()
        return bool(condition())

    wait_until(polled, what=what)


def asking(stack: ExitStack, command: Sequence[str]) -> Chrony:
    client = Chrony(command, ask_every_s=0.2, ask_again_s=0.2)
    stack.callback(client.close)
    return client


def voted(client: Chrony) -> Vote | None:
    return client.vote(read_clocks())


def clock(stack: ExitStack, folder: Path, name: str, offset_s: float) -> tuple[ReferenceClock, str]:
    feed = ReferenceClock(folder / f"{name}.sock", offset_s)
    feed.start()
    stack.callback(feed.stop)
    return feed, f"refclock SOCK {folder / name}.sock refid {name} poll 0 precision 1e-7"


def daemon(stack: ExitStack, folder: Path, *lines: str) -> Chronyd:
    server = Chronyd(folder, *lines)
    stack.callback(server.kill)
    return server


@needs_chrony
def test_a_pulse_locks_and_its_loss_shows_although_chrony_still_calls_it_normal(
    stack: ExitStack, tmp_path: Path
) -> None:
    feed, line = clock(stack, tmp_path, "PPS", 150e-6)
    server = daemon(stack, tmp_path / "d", line, "port 0")
    client = asking(stack, server.client)
    until(client, lambda: voted(client) is not None, "a lock on the reference clock")
    reading = read_clocks()
    vote = client.vote(reading)
    assert vote is not None
    assert vote.source is ClockSource.PPS
    assert abs(vote.offset_ns - reading.offset_ns - 150_000) < 2 * vote.sigma_ns
    assert vote.sigma_ns < 1_000_000
    feed.stop()
    until(client, lambda: voted(client) is None, "notice of the loss")
    tracking = client.tracking()
    assert tracking is not None
    assert tracking.synchronised, "chrony's own leap status still says Normal: reach is what tells"
    server.kill()
    until(client, lambda: client.error is not None, "notice of the dead daemon")


@needs_chrony
def test_a_falseticker_is_counted_and_not_followed(stack: ExitStack, tmp_path: Path) -> None:
    lines = [clock(stack, tmp_path, name, offset)[1] for name, offset in (("A", 0), ("B", 0), ("LIAR", 0.5))]
    server = daemon(stack, tmp_path / "d", *lines, "port 0")
    client = asking(stack, server.client)
    until(client, lambda: (found := client.tracking()) is not None and found.falsetickers, "the liar")
    until(client, lambda: voted(client) is not None, "a lock")
    reading = read_clocks()
    vote = client.vote(reading)
    assert vote is not None
    assert abs(vote.offset_ns - reading.offset_ns) < 10_000_000


@needs_chrony
@pytest.mark.parametrize(("there_s", "back_s"), [(0.06, 0.001), (0.001, 0.06), (0.02, 0.02)])
def test_a_lopsided_path_stays_within_two_sigmas(
    stack: ExitStack, tmp_path: Path, there_s: float, back_s: float
) -> None:
    """Server and client share this machine's clock, so whatever offset chrony sees is the path's doing."""
    port = free_port()
    daemon(
        stack, tmp_path / "s", f"port {port}", "bindaddress 127.0.0.1", "allow 127.0.0.0/8", "local stratum 1"
    )
    path = LopsidedPath(port, there_s, back_s)
    path.start()
    stack.callback(path.stop)
    client_daemon = daemon(
        stack, tmp_path / "c", f"server 127.0.0.1 port {path.port} minpoll -2 maxpoll 0 iburst", "port 0"
    )
    client = asking(stack, client_daemon.client)

    def misled_ns(vote: Vote) -> float:
        return abs(vote.offset_ns - reading.offset_ns)

    reading = read_clocks()

    def settled() -> bool:
        """Synchronised to better than 0.1 s, and really misled by the path; a busy machine adds to it."""
        vote = client.vote(reading)
        return (
            vote is not None
            and vote.sigma_ns < 100_000_000
            and misled_ns(vote) > 0.8 * abs(there_s - back_s) / 2 * 1e9
        )

    until(client, settled, "it is synchronised and misled")
    vote = client.vote(reading)
    assert vote is not None
    assert vote.source is ClockSource.NTP
    assert misled_ns(vote) <= 2 * vote.sigma_ns


@needs_chrony
def test_an_unreachable_server_is_no_vote(stack: ExitStack, tmp_path: Path) -> None:
    server = daemon(stack, tmp_path / "d", f"server 127.0.0.1 port {free_port()} minpoll -2 iburst", "port 0")
    client = asking(stack, server.client)
    until(client, lambda: client.tracking() is not None, "an answer")
    assert voted(client) is None


def test_no_chronyc_is_an_error_in_words() -> None:
    client = Chrony(("no-such-chronyc",))
    assert not client.installed
    client.poll()
    assert "no-such-chronyc" in (client.error or "")
    assert client.vote(read_clocks()) is None


def script(folder: Path, body: str) -> Path:
    path = folder / "chronyc"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_client_that_hangs_is_ended_and_never_waited_for(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = asking(stack, (str(script(tmp_path, "exec sleep 600")),))
    client.poll()
    assert client._running is not None
    assert client._running[0].poll() is None, "asked, and not waited for"
    monkeypatch.setattr(chrony_module, "ANSWER_WITHIN_S", 0.3)
    until(client, lambda: "did not answer" in (client.error or ""), "the end of patience")


def test_a_client_that_answers_megabytes_is_an_error_and_no_more(stack: ExitStack, tmp_path: Path) -> None:
    client = asking(stack, (str(script(tmp_path, "head -c 5000000 /dev/zero")),))
    until(client, lambda: client.error is not None, "the complaint")
    assert client.tracking() is None


def test_figures_are_read_as_chrony_prints_them() -> None:
    tracking = parse(f"{TRACKING}\n{SOURCES}")
    assert tracking.name == "192.168.1.1"
    assert tracking.bound_s == pytest.approx(0.0115)
    assert tracking.falsetickers == 1
    assert tracking.reachable
    assert not tracking.refclock


@pytest.mark.parametrize(
    ("tracking", "sources"),
    [
        ("", ""),
        ("506 Cannot talk to daemon", ""),
        (TRACKING.replace("0.001500000", "nan"), SOURCES),
        (TRACKING.replace("0.001500000", "-1"), SOURCES),
        (TRACKING.replace("0.000012000", "inf"), SOURCES),
        (TRACKING.replace(",3,", ",three,"), SOURCES),
        (TRACKING, SOURCES.replace("377", "999")),
    ],
)
def test_other_answers_are_refused(tracking: str, sources: str) -> None:
    with pytest.raises(ClockError):
        parse(f"{tracking}\n{sources}")


@given(st.text(max_size=400), st.text(max_size=400))
def test_any_text_is_read_or_refused(tracking: str, sources: str) -> None:
    with suppress(ClockError):
        parse(f"{tracking}\n{sources}")

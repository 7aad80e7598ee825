"""The kernel's clocks, real and under a shim that steps and slews them beneath a running process."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.timing.kernel import StepWatch, read_clocks, read_kernel
from tests.support.clock_shim import Conversation, ShimmedClock, build

PROGRAM = """
import json, sys, time
from sensor.timing.clock import UtcClock
from sensor.timing.kernel import read_clocks
from sensor.timing.settings import TimingSettings
clock = UtcClock(TimingSettings(chrony="off", gpsd="none", pps_device="none"))
for line in sys.stdin:
    for _ in range(int(line or 1)):
        clock.poll()
    now_ns = time.monotonic_ns()
    stamp, report = clock.at(now_ns), clock.report()
    print(json.dumps({
        "source": stamp.source, "offset_ns": stamp.utc_ns - now_ns, "sigma_ns": stamp.total_ns,
        "steps": report.steps, "leaps": report.leaps, "raw_ns": read_clocks().offset_ns,
    }), flush=True)
"""
HOUR_NS = 3600 * 10**9


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("the clock shim needs a C compiler")
    return build(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def shim(library: Path, tmp_path: Path) -> ShimmedClock:
    return ShimmedClock(library, tmp_path)


@pytest.fixture
def talk(shim: ShimmedClock) -> Iterator[Conversation]:
    talk = Conversation(shim, PROGRAM)
    yield talk
    talk.close()


def test_the_bracket_holds_the_real_clocks() -> None:
    reading = read_clocks()
    assert reading.width_ns >= 0
    assert reading.mono_ns <= time.monotonic_ns()
    before_ns = time.monotonic_ns() + reading.offset_ns
    assert (
        before_ns - reading.width_ns
        <= time.time_ns()
        <= time.monotonic_ns() + reading.offset_ns + reading.width_ns
    )


def test_this_machines_adjtimex_answers_without_rights() -> None:
    kernel = read_kernel()
    assert kernel.max_error_ns >= 0
    assert kernel.state in {"ok", "insert", "delete", "leaping", "leapt", "error"}


def test_nothing_was_set_while_nobody_set_it() -> None:
    watch = StepWatch()
    assert not watch.stepped()
    watch.close()
    watch.close()


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS, 900_000_000, -900_000_000])
def test_a_step_beneath_a_running_process_moves_no_stamp(
    shim: ShimmedClock, talk: Conversation, step_ns: int
) -> None:
    before = talk.ask("5")
    assert before["source"] == "ntp"
    shim.set(offset_ns=step_ns)
    shim.unsynchronise()
    after = talk.ask("5")
    assert after["steps"] == 1
    assert after["source"] == "holdover"
    assert abs(after["offset_ns"] - before["offset_ns"]) < 100_000
    assert abs(after["raw_ns"] - before["raw_ns"] - step_ns) < 100_000


def test_a_slow_slew_is_followed_and_is_no_step(shim: ShimmedClock, talk: Conversation) -> None:
    before = talk.ask("5")
    for moved_ns in range(0, 20_000_000, 500_000):
        shim.set(offset_ns=moved_ns)
        after = talk.ask("1")
    assert after["steps"] == 0
    assert after["source"] == "ntp"
    assert abs(after["offset_ns"] - before["offset_ns"] - moved_ns) < 100_000


def test_a_refused_adjtimex_means_no_trust_and_no_crash(shim: ShimmedClock, talk: Conversation) -> None:
    shim.set(refused=errno.EPERM)
    answer = talk.ask("5")
    assert answer["sigma_ns"] > HOUR_NS
    shim.set(refused=0)
    talk.ask("3")
    shim.set(refused=errno.EPERM)
    assert talk.ask("2")["source"] == "holdover"


def test_a_growing_maxerror_grows_sigma(shim: ShimmedClock, talk: Conversation) -> None:
    small = talk.ask("4")["sigma_ns"]
    shim.set(maxerror_us=400_000)
    large = talk.ask("1")["sigma_ns"]
    assert large > 0.2e9 > 10 * small


def test_timesyncd_states_no_bound_so_growth_counts_as_age(shim: ShimmedClock, talk: Conversation) -> None:
    """34 minutes after an update maxerror is a second, but a disciplined crystal wandered a millisecond."""
    shim.set(esterror_us=0, maxerror_us=1_000_000)
    assert 5_000_000 < talk.ask("4")["sigma_ns"] < 10_000_000

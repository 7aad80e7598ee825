"""The daemon end to end: real PortAudio, real Mosquitto, real signals and kills."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sensor.schemas import load
from tests.support.impulses import write_bursts
from tests.support.mosquitto import Broker, Subscriber, wait_until
from tests.support.node import Node
from tests.support.player import Played, play
from tests.support.virtual_mic import VirtualMic

ALL = "publish: {p_min: 0.0}\n"
"""Publish whatever triggers: what is tested here is the path, not the judgement."""
MICROPHONE = "audio: {device: 'name:vmic'}\n"
RENDER_MS = 1
"""The virtual device hands a sample over up to so much before the time it states for it."""
PLAYER_SIGMA_NS = 800_000.0
"""A busy machine lets the device stumble: it is asked to play again until it knows this well when it did."""
PLAYS = 5
"""After so many it is too busy to tell a clock that is 5 ms off from one that is not."""


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker(persistent=True) as running:
        yield running


@pytest.fixture
def mic() -> Iterator[VirtualMic]:
    with VirtualMic(render_ms=RENDER_MS) as running:
        yield running


def candidates(subscriber: Subscriber) -> list[dict[str, Any]]:
    """Distinct candidates in the order in which they came; at-least-once delivery may repeat some."""
    bodies = [json.loads(body) for body in subscriber.bodies("candidate")]
    return list({body["event_id"]: body for body in bodies}.values())


def arrived(subscriber: Subscriber, count: int) -> bool:
    """Whether so many distinct candidates are there."""
    return len(candidates(subscriber)) >= count


def speaker(mic: VirtualMic) -> dict[str, str]:
    """The environment of a player whose device ``speaker`` is heard by the virtual microphone."""
    configuration = mic.folder / "speaker.conf"
    configuration.write_text(
        "</usr/share/alsa/alsa.conf>\n"
        f'pcm.speaker {{ type pulse; server "unix:{mic.folder}/pulse.sock"; device "vmic"; '
        "hint { show on } }\n"
    )
    return {**mic.env, "ALSA_CONFIG_PATH": str(configuration)}


def disagreements(
    heard: list[dict[str, Any]], onsets_s: tuple[float, ...], played: Played, rate_hz: int
) -> list[float]:
    """Stamp minus true time in units of what both sides say they know of it; one per candidate.

    The same machine plays and listens, so the part of sigma that is UTC's own is left out.
    """
    found = []
    player_ns = math.hypot(played.sigma_ns, RENDER_MS * 1e6 / math.sqrt(12))
    for body in heard:
        truths_ns = [played.utc_ns(onset_s * rate_hz) for onset_s in onsets_s]
        error_ns = min((body["utc_ns"] - truth_ns for truth_ns in truths_ns), key=abs)
        parts = body["clock"]["parts_ns"]
        stated_ns = math.hypot(parts["pick"], parts["sample_clock"])
        print(  # noqa: T201  the figures belong into the report of the run
            f"error {error_ns / 1e3:+8.1f} us, pick and sample clock {stated_ns / 1e3:.1f} us, "
            f"player {player_ns / 1e3:.1f} us"
        )
        found.append(error_ns / math.hypot(stated_ns, player_ns))
    return found


@pytest.mark.device
@pytest.mark.broker
@pytest.mark.parametrize("clock_off_ns", [0, 5_000_000], ids=["honest", "clock 5 ms off"])
def test_time_of_candidate_is_the_moment_the_sound_was_played(
    broker: Broker, mic: VirtualMic, tmp_path: Path, clock_off_ns: int
) -> None:
    """Within three sigma of what pick, sample clock and player know; a clock 5 ms off is noticed."""
    onsets_s = tuple(3.0 + 0.7 * number for number in range(10))
    recording = write_bursts(tmp_path / "bursts.wav", onsets_s, seconds=11.0)
    with (
        Subscriber(broker) as subscriber,
        Node(broker, environment=mic.env, settings=ALL + MICROPHONE, clock_off_ns=clock_off_ns) as node,
    ):
        node.wait_ready()
        for times in range(1, PLAYS + 1):
            played = play("speaker", recording, speaker(mic))
            wait_until(partial(arrived, subscriber, times * len(onsets_s)), what="all are published")
            if played.sigma_ns < PLAYER_SIGMA_NS:
                break
        else:
            pytest.skip(f"this machine is too busy to know when it played: ± {played.sigma_ns / 1e6:.1f} ms")
        assert node.stop() == 0
    heard = candidates(subscriber)[-len(onsets_s) :]
    errors = disagreements(heard, onsets_s, played, 48_000)
    agrees = all(abs(error) <= 3.0 for error in errors)
    assert agrees == (clock_off_ns == 0)


@pytest.mark.device
@pytest.mark.broker
def test_unplugged_microphone_is_reported_and_heard_again_after_replugging(
    broker: Broker, mic: VirtualMic, tmp_path: Path
) -> None:
    recording = write_bursts(tmp_path / "burst.wav", (1.0,), seconds=2.0)
    with (
        Subscriber(broker) as subscriber,
        Node(broker, environment=mic.env, settings=ALL + MICROPHONE) as node,
    ):
        node.wait_ready()
        mic.unplug()
        wait_until(
            lambda: any("deaf" in problem for problem in node.health().get("problems", ())),
            what="the problem is reported",
        )
        fed = node.told().count("WATCHDOG=1")
        mic.replug()
        wait_until(lambda: node.told().count("WATCHDOG=1") > fed, what="samples pass again")
        wait_until(lambda: node.health()["audio"]["reopened"] >= 1, what="the reopening is counted")
        mic.play(recording).wait()
        wait_until(lambda: candidates(subscriber), what="the burst after the replug is published")
        assert node.health()["audio"]["lost"] > 0
        assert node.stop() == 0


@pytest.mark.device
def test_watchdog_starves_when_no_samples_pass_and_a_hanging_driver_ends_the_process(
    mic: VirtualMic,
) -> None:
    """A frozen sound server stops the samples; nothing feeds the watchdog, and systemd gets to start anew."""
    with Node(None, environment=mic.env, settings=MICROPHONE) as node:
        node.wait_ready()
        wait_until(lambda: node.told().count("WATCHDOG=1") >= 2, what="the watchdog is fed")
        mic.stop()
        try:
            wait_until(lambda: "delivered nothing" in node.log.read_text(), what="the stall is noticed")
            fed = node.told().count("WATCHDOG=1")
            assert node.wait() == 1
            assert node.told().count("WATCHDOG=1") == fed
            assert "must be started anew" in node.log.read_text()
        finally:
            mic.cont()


@pytest.mark.broker
def test_kill_loses_nothing_that_was_committed(broker: Broker, tmp_path: Path) -> None:
    """Killed in mid-stream again and again; every number that was given arrives."""
    onsets_s = tuple(0.5 + 0.25 * number for number in range(40))
    recording = write_bursts(tmp_path / "bursts.wav", onsets_s, seconds=11.0)
    with (
        Subscriber(broker) as subscriber,
        Node(broker, options=("--play", str(recording)), settings=ALL) as node,
    ):
        for count in (4, 8, 12):
            wait_until(partial(arrived, subscriber, count), what="candidates flow")
            node.kill()
            node.start()
        assert node.wait() == 0
        numbers = sorted(body["seq"] for body in candidates(subscriber))
        assert len({body["chain_id"] for body in candidates(subscriber)}) == 1
        assert numbers == list(range(1, numbers[-1] + 1))
        assert len(numbers) >= len(onsets_s)


@pytest.mark.broker
def test_candidates_heard_without_a_broker_arrive_when_it_is_back(broker: Broker, tmp_path: Path) -> None:
    onsets_s = tuple(1.0 + 0.5 * number for number in range(12))
    recording = write_bursts(tmp_path / "bursts.wav", onsets_s, seconds=90.0)
    with (
        Subscriber(broker) as subscriber,
        Node(broker, options=("--play", str(recording)), settings=ALL) as node,
    ):
        wait_until(lambda: len(candidates(subscriber)) >= 2, what="candidates flow")
        broker.kill()
        wait_until(lambda: node.health().get("outbox", {}).get("depth", 0) >= 2, what="they pile up")
        broker.start()
        wait_until(partial(arrived, subscriber, len(onsets_s)), what="all arrive")
        assert node.stop() == 0


@pytest.mark.broker
def test_messages_of_a_run_follow_the_schemas_and_the_will_tells_the_end(
    broker: Broker, tmp_path: Path
) -> None:
    import jsonschema  # noqa: PLC0415  only tests have it

    recording = write_bursts(tmp_path / "burst.wav", (1.0, 2.0), seconds=3.0)
    with (
        Subscriber(broker) as subscriber,
        Node(broker, options=("--play", str(recording)), settings=ALL) as node,
    ):
        assert node.wait() == 0
        wait_until(lambda: b'"stopped"' in b"".join(subscriber.bodies("status")), what="it says goodbye")
        for kind in ("candidate", "health", "status"):
            assert subscriber.bodies(kind)
            for body in subscriber.bodies(kind):
                jsonschema.validate(json.loads(body), load(kind))
        node.start()
        wait_until(lambda: subscriber.bodies("status")[-1].find(b'"online"') > 0, what="it is online again")
        node.kill()
        wait_until(lambda: subscriber.bodies("status")[-1].find(b'"lost"') > 0, what="the will is told")


def test_reload_takes_over_what_it_can_and_keeps_what_is_wrong_out(tmp_path: Path) -> None:
    recording = write_bursts(tmp_path / "quiet.wav", (), seconds=20.0)
    with Node(None, options=("--play", str(recording)), settings=ALL) as node:
        node.wait_ready()
        good = node.config.read_text()
        node.config.write_text(good.replace("p_min: 0.0", "p_min: 0.9"))
        node.signal(signal.SIGHUP)
        wait_until(lambda: "taken over publish.p_min" in node.log.read_text(), what="the value is taken over")
        node.config.write_text("publish: {p_mn: 0.1}\n")
        node.signal(signal.SIGHUP)
        wait_until(lambda: "p_min" in node.log.read_text().split("stays in force")[-1], what="it is refused")
        wait_until(lambda: node.told().count("READY=1") == 3, what="systemd is told of both ends")
        assert sum(line.startswith("RELOADING=1") for line in node.told()) == 2
        assert node.stop() == 0
        assert "STOPPING=1" in node.told()


def test_bad_configuration_ends_with_78_and_names_every_fault(tmp_path: Path) -> None:
    with Node(None, settings="publish: {p_mn: 2}\naudio: {channels: 0}\n", folder=tmp_path) as node:
        assert node.wait() == 78
        log = node.log.read_text()
        assert "config.yaml" in log
        assert "p_min" in log
        assert "channels" in log
        assert "READY=1" not in node.told()


def test_outbox_on_a_full_disk_does_not_stop_the_sensor(broker: Broker, tmp_path: Path) -> None:
    """The candidates are sent all the same, and the problem is told."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    small = tmp_path / "small"
    small.mkdir()
    if os.system(f"mount -t tmpfs -o size=64k none {small}") != 0:  # noqa: S605  our own words
        pytest.skip("this machine does not let us mount")
    try:
        (small / "ballast").write_bytes(bytes(60 * 1024))
        recording = write_bursts(tmp_path / "bursts.wav", (1.0, 2.0, 3.0), seconds=12.0)
        with (
            Subscriber(broker) as subscriber,
            Node(
                broker,
                options=("--play", str(recording)),
                settings=f"{ALL}outbox: {{path: {small}/outbox.db}}\n",
            ) as node,
        ):
            wait_until(lambda: len(candidates(subscriber)) == 3, what="all arrive")
            wait_until(
                lambda: any("disk" in problem for problem in node.health().get("problems", ())),
                what="the problem is told",
            )
            assert node.wait() == 0
    finally:
        os.system(f"umount {small}")  # noqa: S605  our own words

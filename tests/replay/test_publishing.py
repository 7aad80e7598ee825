"""Replayed candidates reach a real broker as a node's would."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import gunshot_sensor
from tests.support.impulses import write_bursts
from tests.support.mosquitto import Broker, Subscriber, free_port, wait_until

pytestmark = pytest.mark.broker


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A file with two impulses."""
    return write_bursts(tmp_path / "x.wav", (1.0, 2.0), seconds=3.0)


START = ("--start", "2026-06-14T21:04:00Z")


def config(folder: Path, port: int) -> Path:
    path = folder / "config.yaml"
    path.write_text(
        f"site: durham\nnode: bench\nmqtt: {{host: 127.0.0.1, port: {port}}}\n"
        f"paths: {{state_dir: {folder / 'state'}}}\n"
    )
    return path


def test_what_is_printed_is_what_the_broker_got(recording: Path, tmp_path: Path) -> None:
    with Broker() as broker, Subscriber(broker) as subscriber:
        done = gunshot_sensor(
            "replay", "--jsonl", "--publish", "--p-min", "0", *START,
            "-c", config(tmp_path, broker.port), recording,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        wait_until(lambda: len(subscriber.bodies("candidate")) == 2, what="both candidates arrive")
        got = [json.loads(body) for body in subscriber.bodies("candidate")]
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    assert [{key: line[key] for key in body} for line, body in zip(printed, got, strict=True)] == got
    assert [line["seq"] for line in printed] == [1, 2]
    assert {line["node"] for line in printed} == {"bench"}


def test_a_second_replay_continues_the_nodes_chain(recording: Path, tmp_path: Path) -> None:
    with Broker() as broker:
        words = (
            "replay",
            "--jsonl",
            "--publish",
            "--p-min",
            "0",
            *START,
            "-c",
            config(tmp_path, broker.port),
            recording,
        )
        runs = [[json.loads(line) for line in gunshot_sensor(*words).stdout.splitlines()] for _ in range(2)]
    assert [line["seq"] for run in runs for line in run] == [1, 2, 3, 4]
    assert len({line["chain_id"] for run in runs for line in run}) == 1


def test_a_manifest_lets_each_file_speak_for_its_own_node(recording: Path, tmp_path: Path) -> None:
    write_bursts(tmp_path / "y.wav", (1.5,), seconds=3.0)
    (tmp_path / "manifest.csv").write_text(
        "path,start_utc,node,lat_deg,lon_deg,height_m\n"
        "x.wav,2026-06-14T21:04:00Z,north,36,-78.9,120\ny.wav,2026-06-14T21:04:00Z,south,35.9,-78.9,110\n"
    )
    with Broker() as broker, Subscriber(broker) as subscriber:
        done = gunshot_sensor(
            "replay", "--publish", "--p-min", "0", "-c", config(tmp_path, broker.port),
            "--manifest", tmp_path / "manifest.csv", tmp_path / "x.wav", tmp_path / "y.wav",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        wait_until(lambda: len(subscriber.bodies("candidate")) == 3, what="all candidates arrive")
        topics = sorted(got.topic for got in subscriber.got if got.topic.endswith("candidate"))
    assert recording.name == "x.wav"
    assert topics == [f"gunshot/v1/durham/{node}/candidate" for node in ("north", "north", "south")]


def test_without_a_broker_to_send_to_it_is_refused(recording: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent.yaml"
    silent.write_text(f"site: durham\npaths: {{state_dir: {tmp_path}}}\n")
    done = gunshot_sensor("replay", "--publish", *START, "-c", silent, recording)
    assert done.returncode == 2
    assert "--publish needs a broker" in done.stderr
    assert gunshot_sensor("replay", "--publish", *START, recording).returncode == 2


def test_what_nobody_knows_the_time_of_is_not_published(recording: Path, tmp_path: Path) -> None:
    settings = config(tmp_path, free_port())
    done = gunshot_sensor("replay", "--publish", "-c", settings, recording)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"1 of 1 recording without one: {recording}; give --start or --manifest" in done.stderr
    other = write_bursts(tmp_path / "y.wav", (1.5,), seconds=3.0)
    table = tmp_path / "manifest.csv"
    table.write_text("path,start_utc\nx.wav,2026-06-14T21:04:00Z\ny.wav,\n")
    done = gunshot_sensor("replay", "--publish", "-c", settings, "--manifest", table, recording, other)
    assert done.returncode == 2
    assert f"1 of 2 recordings without one: {other};" in done.stderr


def test_a_broker_that_comes_late_is_waited_for(recording: Path, tmp_path: Path) -> None:
    """What a first, unreachable broker did not take waits in the outbox; the next replay sends it first."""
    broker = Broker()
    port = free_port()
    words = (
        "replay", "--jsonl", "--publish", "--p-min", "0", *START, "-c", config(tmp_path, port), recording,
    )  # fmt: skip
    first = [sys.executable, "-m", "sensor", *map(str, words)]
    with subprocess.Popen(first, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("waiting for the broker" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    assert process.returncode == 130
    with broker, Subscriber(broker) as subscriber:
        config(tmp_path, broker.port)
        assert gunshot_sensor(*words).returncode == 0
        wait_until(lambda: len(subscriber.bodies("candidate")) == 4, what="old and new candidates arrive")
        assert sorted(json.loads(body)["seq"] for body in subscriber.bodies("candidate")) == [1, 2, 3, 4]

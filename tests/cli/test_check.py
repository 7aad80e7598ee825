"""``gunshot-sensor check`` tries each thing a node needs on the real thing and says what to mend."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensor.cli.checks import check_broker, check_clock, check_disk, check_microphone, check_outbox
from sensor.config import Config, load_config
from sensor.findings import Finding, Verdict
from sensor.uplink.outbox import Outbox
from tests.support.command import gunshot_sensor
from tests.support.mosquitto import Broker, Subscriber, free_port, make_certificates, wait_until
from tests.support.patience import PATIENCE_S
from tests.support.virtual_mic import VirtualMic


def configured(folder: Path, text: str = "") -> Config:
    """A configuration whose folders are below ``folder``."""
    path = folder / "config.yaml"
    path.write_text(
        f"site: durham\nnode: roof-3\npaths: {{state_dir: {folder}/state, runtime_dir: {folder}/run}}\n"
        f"outbox: {{path: {folder}/state/outbox.db}}\n{text}"
    )
    return load_config(path)


def only(findings: Iterator[Finding]) -> Finding:
    (finding,) = findings
    return finding


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


# ---- broker


@pytest.mark.broker
def test_a_broker_that_takes_everything_is_ok_and_keeps_nothing(tmp_path: Path) -> None:
    with Broker() as broker, Subscriber(broker, "#") as subscriber:
        subscriber.publish("gunshot/v1/durham/roof-3/status", b"as the daemon left it", retain=True)
        config = configured(tmp_path, f"mqtt: {{host: 127.0.0.1, port: {broker.port}}}\n")
        finding = only(check_broker(config))
        assert (finding.verdict, finding.name) == (Verdict.OK, "broker")
        assert "MQTT 5, unencrypted, anonymous" in finding.text
        wait_until(lambda: len(subscriber.got) >= 5, what="all marks arrived")
        marks = [got for got in subscriber.got if b"gunshot.check.v1" in got.body]
        assert {got.topic.rpartition("/")[2] for got in marks} == {"candidate", "health", "status", "reply"}
        with Subscriber(broker, "#", client_id="late") as late:
            wait_until(lambda: late.got, what="the retained status arrived")
            assert [got.body for got in late.got] == [b"as the daemon left it"]


@pytest.mark.broker
def test_credentials_and_tls_are_the_daemons(tmp_path: Path, certificates: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("right\n")
    secret.chmod(0o600)
    with Broker(passwords={"roof-3": "right"}, certificates=certificates) as broker:
        text = (
            f"mqtt: {{host: localhost, port: {broker.port}, username: roof-3, password_file: {secret}, "
            f"tls: {{ca_file: {certificates}/ca.crt}}}}\n"
        )
        finding = only(check_broker(configured(tmp_path, text)))
        assert finding.verdict is Verdict.OK, finding.text
        assert "TLS, user roof-3" in finding.text
        secret.write_text("wrong\n")
        finding = only(check_broker(configured(tmp_path, text)))
        assert finding.verdict is Verdict.FAIL
        assert "password_file" in finding.text
        finding = only(check_broker(configured(tmp_path, text.replace("ca.crt", "other_ca.crt"))))
        assert finding.verdict is Verdict.FAIL
        assert "not trusted" in finding.text


@pytest.mark.broker
def test_a_password_file_that_everybody_reads_is_a_warning(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("right\n")
    secret.chmod(0o644)
    with Broker(passwords={"roof-3": "right"}) as broker:
        text = f"mqtt: {{host: 127.0.0.1, port: {broker.port}, username: roof-3, password_file: {secret}}}\n"
        warning, verdict = check_broker(configured(tmp_path, text))
        assert warning.verdict is Verdict.WARN
        assert "others may read it" in warning.text
        assert verdict.verdict is Verdict.OK


@pytest.mark.broker
def test_a_topic_that_may_not_be_published_is_named(tmp_path: Path) -> None:
    acl = "topic write gunshot/v1/durham/roof-3/health\ntopic write gunshot/v1/durham/roof-3/status\n"
    with Broker(acl=acl) as broker:
        finding = only(
            check_broker(configured(tmp_path, f"mqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"))
        )
        assert finding.verdict is Verdict.FAIL
        assert "gunshot/v1/durham/roof-3/candidate (Not authorized)" in finding.text
        assert "roof-3/health" not in finding.text


@pytest.mark.broker
def test_the_daemon_stays_connected_while_its_broker_is_checked(tmp_path: Path) -> None:
    with Broker() as broker:
        config = configured(tmp_path, f"mqtt: {{host: 127.0.0.1, port: {broker.port}}}\n")
        with Subscriber(broker, "x", client_id="gunshot-durham-roof-3"):
            assert only(check_broker(config)).verdict is Verdict.OK
        assert "already connected" not in broker.log.read_text()


def test_no_broker_there_is_said_in_words(tmp_path: Path) -> None:
    finding = only(check_broker(configured(tmp_path, f"mqtt: {{host: 127.0.0.1, port: {free_port()}}}\n")))
    assert finding.verdict is Verdict.FAIL
    assert "connection refused: is the broker running" in finding.text


def test_no_broker_configured_is_a_warning(tmp_path: Path) -> None:
    finding = only(check_broker(configured(tmp_path)))
    assert finding.verdict is Verdict.WARN
    assert "mqtt.host" in finding.text


# ---- microphone


def tone(path: Path, amplitude: float) -> Path:
    """A tone that outlasts whatever listens to it, however slow the machine."""
    rate_hz = 8_000
    samples = amplitude * 32767 * np.sin(2 * np.pi * 440 * np.arange(int(rate_hz * PATIENCE_S)) / rate_hz)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


PROBE = """
import sys
from sensor.cli.checks import check_microphone
from sensor.config import load_config
for finding in check_microphone(load_config(sys.argv[1]), None):
    print(finding.verdict, finding.text)
"""


def heard(mic: VirtualMic, folder: Path) -> str:
    """What the check of the microphone says, from a process that sees the virtual one."""
    configured(folder, "audio: {device: 'name:vmic'}\n")
    command = [sys.executable, "-c", PROBE, str(folder / "config.yaml")]
    result = subprocess.run(
        command, env=mic.env, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.device
def test_a_microphone_that_hears_is_ok_and_one_with_zeros_fails(tmp_path: Path) -> None:
    with VirtualMic() as mic:
        playing = mic.play(tone(tmp_path / "tone.wav", 0.1))
        assert heard(mic, tmp_path) == "ok name:vmic: 48000 Hz, level -23 dBFS, peak -20 dBFS"
        playing.kill()
        playing.wait()
        assert "only zeros" in heard(mic, tmp_path)
        mic.unplug()
        assert heard(mic, tmp_path).startswith("FAIL ")


def running(**changes: object) -> dict[str, Any]:
    audio = {"device": "usb:0d8c:0014", "rate_hz": 48000.0, "level_dbfs": -50.2}
    return {"audio": audio, "outbox": {"depth": 3, "problem": None}, "problems": [], **changes}


def test_a_running_daemon_is_asked_about_the_microphone_it_holds(tmp_path: Path) -> None:
    config = configured(tmp_path)
    finding = only(check_microphone(config, running()))
    assert finding.verdict is Verdict.OK
    assert "in use by the running daemon" in finding.text
    finding = only(check_microphone(config, running(problems=["deaf: only zeros", "disk full"])))
    assert finding.verdict is Verdict.FAIL
    assert finding.text.endswith("deaf: only zeros")


# ---- outbox and disk


def test_an_outbox_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert only(check_outbox(config, None)).verdict is Verdict.OK
    assert not (tmp_path / "state").exists()


def test_an_outbox_tells_how_much_waits(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "state").mkdir()
    Outbox(config.outbox, config.site, config.node).close()
    finding = only(check_outbox(config, None))
    assert finding.verdict is Verdict.OK
    assert "0 waiting, last number 0" in finding.text


def test_a_running_daemon_is_asked_about_the_outbox_it_holds(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert "3 waiting" in only(check_outbox(config, running())).text
    finding = only(check_outbox(config, running(outbox={"depth": 3, "problem": "disk full"})))
    assert finding.verdict is Verdict.FAIL


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_an_outbox_of_another_user_is_left_alone(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "state").mkdir()
    config.outbox.path.touch()
    os.chown(config.outbox.path, 12345, 12345)
    assert only(check_outbox(config, None)).verdict is Verdict.WARN
    assert {path.name for path in (tmp_path / "state").iterdir()} == {"outbox.db"}


def test_the_disk_is_the_one_the_state_will_be_on(tmp_path: Path) -> None:
    finding = only(check_disk(configured(tmp_path)))
    assert finding.verdict in (Verdict.OK, Verdict.WARN)
    assert str(tmp_path) in finding.text


# ---- clock


def test_the_clock_is_told_with_its_source_or_with_what_to_do(tmp_path: Path) -> None:
    finding = only(check_clock(configured(tmp_path)))
    assert finding.text.startswith(time.strftime("%Y-%m-%d", time.gmtime()))
    if finding.verdict is Verdict.OK:
        assert "good " in finding.text
    else:
        assert "chrony" in finding.text or "adjtimex" in finding.text


# ---- the command


def test_a_faulty_configuration_is_one_line_each_and_ends_the_check(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("sites: x\npublish: {p_min: 2}\n")
    result = gunshot_sensor("check", "-c", path)
    assert result.returncode == 1
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [["FAIL", "configuration"]] * 2


def test_the_exit_code_is_1_if_anything_fails_and_every_part_has_its_line(tmp_path: Path) -> None:
    text = f"audio: {{device: 'name:no such microphone'}}\nmqtt: {{host: 127.0.0.1, port: {free_port()}}}\n"
    configured(tmp_path, text)
    result = gunshot_sensor("check", "-c", tmp_path / "config.yaml")
    assert "Traceback" not in result.stderr, result.stderr
    assert result.returncode == 1
    names = [line.split()[1] for line in result.stdout.splitlines()]
    assert sorted(set(names), key=names.index) == [
        "configuration",
        "microphone",
        "model",
        "clock",
        "outbox",
        "disk",
        "broker",
    ]


@pytest.mark.broker
def test_all_well_ends_with_0(tmp_path: Path) -> None:
    with Broker() as broker, VirtualMic() as mic:
        configured(
            tmp_path, f"audio: {{device: 'name:vmic'}}\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n"
        )
        playing = mic.play(tone(tmp_path / "tone.wav", 0.1))
        result = gunshot_sensor("check", "-c", tmp_path / "config.yaml", env=mic.env)
        playing.kill()
        playing.wait()
    assert result.returncode == 0, result.stdout + result.stderr
    assert "FAIL" not in result.stdout


def test_a_name_that_is_no_host_is_said_in_words(tmp_path: Path) -> None:
    finding = only(check_broker(configured(tmp_path, "mqtt: {host: no-such-host.invalid}\n")))
    assert finding.verdict is Verdict.FAIL
    assert "no-such-host.invalid" in finding.text

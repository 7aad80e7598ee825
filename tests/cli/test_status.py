"""``gunshot-sensor status`` words the health file for a technician and knows a dead daemon's."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from sensor.cli.health_file import age_s, health_path, is_fresh, read_health
from sensor.cli.status import report
from sensor.errors import SensorError
from sensor.events import Health, Versions
from tests.support.command import gunshot_sensor

HEALTH = Health(
    site="durham",
    node="roof-3",
    utc_ns=1_795_000_000_000_000_000,
    uptime_s=200_000.0,
    clock={
        "source": "ntp",
        "state": "locked",
        "utc_sigma_ns": 5_200_000,
        "ppm": 1.5,
        "steps": 0,
        "via": "chrony 192.0.2.1",
    },
    audio={
        "device": "usb:0d8c:0014",
        "rate_hz": 48000.0,
        "channels": 1,
        "lost": 0,
        "overruns": 0,
        "xruns": 2,
        "reopened": 0,
        "level_dbfs": -52.4,
        "noise_dbfs": -58.1,
    },
    counts={"triggers": 120, "candidates": 3, "published": 3, "quarantined": 0},
    rejects={"below_p_min": 100, "glitch": 0, "refractory": 17},
    outbox={"depth": 2, "oldest_s": 340.0, "chain_id": "0123456789abcdef", "seq": 41, "dropped": 0},
    host={"rss_mb": 61.4, "load_1min": 0.21, "temperature_c": None, "disk_free_mb": 20_000.0},
    problems=(),
    versions=Versions(software="0.1.0", model="m1", config="0123456789ab"),
)


def written(folder: Path, health: Health = HEALTH, *, age: float = 1.0, **changes: Any) -> Path:
    body = {
        **json.loads(health.to_json()),
        "written_mono_ns": time.monotonic_ns() - int(age * 1e9),
        **changes,
    }
    (folder / "health.json").write_text(json.dumps(body))
    return folder


def status(folder: Path, *words: str) -> tuple[int, str]:
    config = folder / "config.yaml"
    config.write_text(f"paths:\n  runtime_dir: {folder}\n")
    result = gunshot_sensor("status", "-c", config, *words)
    assert "Traceback" not in result.stderr
    return result.returncode, result.stdout + result.stderr


def test_a_healthy_node_is_worded_and_ends_with_0(tmp_path: Path) -> None:
    code, text = status(written(tmp_path))
    assert code == 0
    assert text.splitlines() == [
        "durham/roof-3: healthy, up 2.3 d, software 0.1.0, model m1, config 0123456789ab",
        "audio    usb:0d8c:0014, 48000 Hz, 1 channel(s), level -52 dBFS, noise -58 dBFS; 2 xruns",
        (
            "clock    NTP (chrony 192.0.2.1), ± 5.2 ms or 1.8 m of sound: good for location, "
            "not for comparing single echoes"
        ),
        "events   120 triggers, 3 candidates, 3 published; refused: 100 below_p_min, 17 refractory",
        "outbox   2 waiting, the oldest for 6 min, last number 41 of chain 01234567",
        "host     memory 61 MB, load 0.2, °C unknown, disk free 20000 MB",
    ]


def test_a_problem_is_told_and_ends_with_1(tmp_path: Path) -> None:
    code, text = status(written(tmp_path, problems=["deaf: only zeros"]))
    assert code == 1
    assert "in trouble" in text
    assert "PROBLEM  deaf: only zeros" in text


def test_a_file_that_is_no_longer_renewed_means_a_dead_daemon(tmp_path: Path) -> None:
    code, text = status(written(tmp_path, age=300.0))
    assert code == 1
    assert "no sign of life for 5 min" in text


@pytest.mark.parametrize("stamp", [None, "x", 10**30])
def test_a_file_of_an_earlier_boot_or_without_its_stamp_means_it_is_not_running(
    tmp_path: Path, stamp: object
) -> None:
    code, text = status(written(tmp_path, written_mono_ns=stamp))
    assert code == 1
    assert "not running" in text


def test_no_file_says_how_to_start(tmp_path: Path) -> None:
    code, text = status(tmp_path)
    assert code == 1
    assert "systemctl start gunshot-sensor" in text


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "health.json").write_bytes(content)
    code, text = status(tmp_path)
    assert code == 1
    assert str(tmp_path / "health.json") in text


def test_json_is_the_message_with_the_verdict(tmp_path: Path) -> None:
    code, text = status(written(tmp_path), "--json")
    body = json.loads(text)
    assert code == 0
    assert body["healthy"] is True
    assert 0.0 < body["age_s"] < 15.0
    assert body["counts"]["triggers"] == 120


def test_a_spoilt_configuration_does_not_hide_a_running_daemon(tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.yaml"
    spoilt.write_text("nonsense: 1\n")
    env = {"RUNTIME_DIRECTORY": str(written(tmp_path)), "GUNSHOT_SENSOR_CONFIG": str(spoilt)}
    result = gunshot_sensor("status", env=env)
    assert result.returncode == 0
    assert "spoilt.yaml is faulty" in result.stderr


def test_whatever_is_missing_from_the_message_is_said_to_be_unknown(tmp_path: Path) -> None:
    (tmp_path / "health.json").write_text(
        json.dumps({"audio": None, "clock": 3, "written_mono_ns": time.monotonic_ns()})
    )
    text = "\n".join(report(read_health(tmp_path / "health.json")))
    assert "Hz unknown" in text
    assert "clock    unknown" in text


def test_steps_of_the_clock_are_told() -> None:
    lines = list(report({"clock": {"source": "none", "state": "none", "utc_sigma_ns": 6e14, "steps": 2}}))
    (line,) = [line for line in lines if line.startswith("clock")]
    assert line.startswith("clock    no time source: ")
    assert line.endswith("; UTC was stepped 2 times")


def test_age_and_freshness() -> None:
    now = time.monotonic_ns()
    assert is_fresh({"written_mono_ns": now - 10**9})
    assert not is_fresh({"written_mono_ns": now - 16 * 10**9})
    assert not is_fresh({})
    assert age_s({"written_mono_ns": now + 10**12}) is None


def test_an_own_file_goes_before_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, service = tmp_path / "own", tmp_path / "service"
    service.mkdir()
    (service / "health.json").touch()
    monkeypatch.setattr("sensor.cli.health_file.SERVICE_DIR", service)
    assert health_path(own, named=False) == service / "health.json"
    assert health_path(own, named=True) == own / "health.json"
    own.mkdir()
    (own / "health.json").touch()
    assert health_path(own, named=False) == own / "health.json"


def test_a_folder_without_rights_is_named(tmp_path: Path) -> None:
    (tmp_path / "health.json").mkdir()
    with pytest.raises(SensorError, match="cannot be read"):
        read_health(tmp_path / "health.json")

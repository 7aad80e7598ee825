"""``gunshot-sensor devices`` lists real inputs, ready to be pasted into the configuration."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sensor.capture.devices import CardIdentity, InputDevice
from sensor.cli.devices import aliases, held_by_daemon, table
from sensor.config import Config, load_config
from tests.support.command import gunshot_sensor
from tests.support.virtual_mic import VirtualMic

USB = InputDevice(
    index=1,
    name="USB PnP Sound Device: Audio (hw:1,0)",
    host_api="ALSA",
    channels=1,
    rate_hz=44_100.0,
    pcm=0,
    identity=CardIdentity(card="Device", usb="0d8c:0014", serial=None, port="1-1.3"),
)
OTHER = InputDevice(index=2, name="pulse", host_api="ALSA", channels=32, rate_hz=48_000.0)


def test_the_table_names_each_device_by_what_survives_a_reboot() -> None:
    head, first, second = table([USB, OTHER], USB)
    assert head.split() == ["device:", "channels", "rate", "also", "name"]
    assert first.startswith("* usb:0d8c:0014  1         44100 Hz  card:Device port:1-1.3  USB PnP")
    assert second.startswith("  name:pulse")


def test_other_names_of_the_same_device_are_listed_once() -> None:
    assert aliases(USB) == ["card:Device", "port:1-1.3"]
    assert aliases(OTHER) == []


def test_no_device_says_where_to_look() -> None:
    (line,) = table([], None)
    assert "group audio" in line


@pytest.mark.device
def test_a_real_input_is_listed_and_its_line_can_be_pasted(tmp_path: Path) -> None:
    with VirtualMic() as mic:
        listed = gunshot_sensor("devices", env=mic.env)
        assert listed.returncode == 0, listed.stderr
        pasted = tmp_path / "config.yaml"
        pasted.write_text(listed.stdout[listed.stdout.index("audio:") :])
        assert "vmic" in load_config(pasted).audio.device
        (row,) = json.loads(gunshot_sensor("devices", "--json", "-c", pasted, env=mic.env).stdout)
        assert row["selected"] is True
        assert row["channels"] >= 1


def test_a_device_that_the_running_daemon_holds_is_named(tmp_path: Path) -> None:
    config = Config.model_validate({"paths": {"state_dir": tmp_path, "runtime_dir": tmp_path}})
    health = {"audio": {"device": "usb:0d8c:0014"}, "written_mono_ns": time.monotonic_ns()}
    (tmp_path / "health.json").write_text(json.dumps(health))
    assert held_by_daemon(config) == "usb:0d8c:0014"
    (tmp_path / "health.json").write_text(json.dumps({**health, "written_mono_ns": 0}))
    assert held_by_daemon(config) == ""

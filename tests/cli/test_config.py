"""``gunshot-sensor config`` shows what is in force, checks a file and prints the example."""

from __future__ import annotations

import json
from pathlib import Path

from sensor.config import Config, load_config
from sensor.config.text import example_text
from tests.support.command import gunshot_sensor


def test_show_prints_what_is_in_force_as_a_file_that_gives_it_again(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("publish:\n  p_min: 0.4\nmqtt:\n  host: broker.example\n  tls: {}\n")
    shown = gunshot_sensor("config", "show", "-c", path)
    assert shown.returncode == 0
    again = tmp_path / "again.yaml"
    again.write_text(shown.stdout)
    assert load_config(again) == load_config(path)


def test_show_without_a_file_is_the_defaults(tmp_path: Path) -> None:
    folders = {"STATE_DIRECTORY": str(tmp_path), "RUNTIME_DIRECTORY": str(tmp_path)}
    shown = gunshot_sensor("config", "show", "--json", env=folders)
    values = json.loads(shown.stdout)
    assert values["paths"] == {"state_dir": str(tmp_path), "runtime_dir": str(tmp_path)}
    assert {key: value for key, value in values.items() if key not in ("paths", "outbox")} == {
        key: value for key, value in Config().plain().items() if key not in ("paths", "outbox")
    }


def test_show_names_the_file_of_a_password_and_never_opens_it(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    path = tmp_path / "config.yaml"
    path.write_text(f"mqtt:\n  username: roof-3\n  password_file: {secret}\n")
    shown = gunshot_sensor("config", "show", "-c", path)
    assert f"password_file: {secret}" in shown.stdout
    assert "hunter2" not in shown.stdout + shown.stderr


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("site: durham\n")
    shown = gunshot_sensor("config", "show", env={"GUNSHOT_SENSOR_CONFIG": str(path)})
    assert "site: durham\n" in shown.stdout


def test_check_says_good_and_hints_at_oversights(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("position: {lat_deg: 35.99, lon_deg: -78.89862, height_m: 90, sigma_m: 1}\n")
    checked = gunshot_sensor("config", "check", path)
    assert checked.returncode == 0
    assert checked.stdout.startswith(f"{path}: good, digest {load_config(path).digest}")
    assert f"hint: {path}:1 position.lat_deg" in checked.stderr


def test_check_of_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    checked = gunshot_sensor("config", "check", "-c", tmp_path / "no.yaml")
    assert checked.returncode == 78
    assert "no such file" in checked.stderr


def test_example_prints_the_example() -> None:
    assert gunshot_sensor("config", "example").stdout == example_text()

"""``gunshot-central config``, ``check``, ``user`` and ``run`` as the operator calls them."""

from __future__ import annotations

import importlib
import io
import json
from pathlib import Path

import pytest

from sensor.central.cli.main import COMMANDS
from sensor.central.store.sqlite import SqliteStore
from sensor.central.web.passwords import verify_password
from tests.support.command import central_here
from tests.support.mosquitto import Broker, free_port

PASSWORD = "correct horse battery"  # noqa: S105  a test's


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "central.yaml"
    path.write_text(
        f"mqtt: {{port: {free_port()}, connect_timeout_s: 1}}\n"
        f"paths: {{state_dir: {tmp_path / 'state'}}}\nweb: {{port: 0}}\n"
    )
    return path


def test_every_command_of_the_table_is_there() -> None:
    for target, _ in COMMANDS.values():
        module, _, name = target.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_a_missing_configuration_names_the_command_that_prints_one(tmp_path: Path) -> None:
    for words in (("config", "check", tmp_path / "no"), ("check", "-c", tmp_path / "no")):
        done = central_here(*words)
        assert done.returncode != 0
        assert "no such file; `gunshot-central config example` prints one" in done.stdout + done.stderr


def test_a_bad_configuration_ends_with_78_and_names_its_faults(config: Path) -> None:
    config.write_text("mqtt: {hots: x}\nwbe: {}\n")
    for words in (("run", "-c", config), ("config", "check", config)):
        done = central_here(*words)
        assert done.returncode == 78
        assert "central.yaml:1 mqtt.hots: unknown key; did you mean host?" in done.stderr
        assert "central.yaml:2 wbe: unknown key; there are mqtt, " in done.stderr


def test_users_are_added_listed_and_removed_and_passwords_are_hashed(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nobody may log in" in central_here("user", "list", "-c", config).stdout
    add = ("user", "add", "ada", "--role", "reviewer", "--password-stdin", "-c", config)
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    assert central_here(*add).returncode == 0
    store = SqliteStore(tmp_path / "state" / "record.db")
    try:
        user = store.user("ada")
        assert user is not None
        assert user.role == "reviewer"
        assert PASSWORD not in user.password_hash
        assert verify_password(PASSWORD, user.password_hash)
        assert [entry.action for entry in store.audit_log()] == ["user add"]
        assert "ada" in central_here("user", "list", "-c", config).stdout
        assert central_here("user", "remove", "ada", "-c", config).returncode == 0
        assert store.user("ada") is None
        assert central_here("user", "remove", "ada", "-c", config).returncode == 1
    finally:
        store.close()


def test_a_short_password_and_a_strange_name_are_refused(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    done = central_here("user", "add", "ada", "--role", "admin", "--password-stdin", "-c", config)
    assert done.returncode == 1
    assert "a password has 12 to" in done.stderr
    done = central_here("user", "add", "A/B", "--role", "admin", "--password-stdin", "-c", config)
    assert done.returncode == 2
    assert "is no user name" in done.stderr


def findings(*words: str | Path) -> tuple[int, dict[str, tuple[str, str]]]:
    done = central_here("check", "--json", *words)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {line["name"]: (line["verdict"], line["text"]) for line in lines}


@pytest.mark.broker
def test_check_says_of_each_thing_whether_it_is_there(config: Path) -> None:
    code, found = findings("-c", config)
    assert code == 1
    assert found["broker"][0] == "FAIL"
    assert "is the broker running" in found["broker"][1]
    assert found["record"][0] == "ok"
    assert found["users"][0] == found["key"][0] == "warn"
    with Broker() as broker:
        text = config.read_text().splitlines()
        config.write_text("\n".join([f"mqtt: {{port: {broker.port}}}", *text[1:]]) + "\n")
        code, found = findings("-c", config)
        assert found["broker"] == (
            "ok",
            f"127.0.0.1:{broker.port}, without encryption: connected, subscribed",
        )
        assert code == 0


def test_check_names_files_that_cannot_be_read(config: Path) -> None:
    with config.open("a") as file:
        file.write("notify: {disposition_secrets: {county: /nowhere/secret}}\n")
        file.write("intake: {node_keys_dir: /nowhere/keys}\n")
    code, found = findings("-c", config)
    assert code == 1
    assert found["node keys"][0] == "warn"
    assert "secrets" in found

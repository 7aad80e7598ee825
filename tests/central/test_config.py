"""``central.example.yaml`` is what the code says, and what cannot work is told with file and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sensor.central.config import (
    FILE_VARIABLE,
    CentralConfig,
    example_text,
    find_config,
    load_config,
    show_text,
)
from sensor.config.catalogue import catalogue
from sensor.config.yaml_reader import read_yaml
from sensor.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "central.example.yaml"


def uncommented(text: str) -> str:
    """The example with every key active: the # directly before a key, or before a section's body, is gone."""
    return re.sub(r"^( *)#(?=[a-z_0-9]+:|  )", r"\1", text, flags=re.MULTILINE)


def written(folder: Path, text: str) -> Path:
    path = folder / "central.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_in_the_repository_is_what_the_command_prints() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == example_text(), (
        "run: gunshot-central config example > central.example.yaml"
    )


def test_as_it_is_it_gives_the_defaults() -> None:
    assert load_config(EXAMPLE) == CentralConfig() == load_config(None)


def test_uncommented_it_gives_the_defaults_and_encryption(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, uncommented(example_text())))
    assert config.mqtt.tls is not None
    assert config.model_copy(update={"mqtt": CentralConfig().mqtt}) == CentralConfig()


def test_uncommented_it_holds_every_key_once_in_its_place() -> None:
    document = read_yaml(uncommented(example_text()), "example")
    assert document.faults == []
    found = {path for path in document.lines if path and all(isinstance(part, str) for part in path)}
    assert found == set(catalogue(CentralConfig))


def test_every_key_stands_below_its_meaning() -> None:
    text = " ".join(re.sub(r"^ *#? *# ", " ", example_text(), flags=re.MULTILINE).split())
    for key in catalogue(CentralConfig).values():
        assert key.meaning.replace("``", "`") in text


def test_no_line_is_wider_than_the_code() -> None:
    assert max(len(line) for line in example_text().splitlines()) <= 110


def test_what_config_show_prints_reads_back_to_the_same_configuration(tmp_path: Path) -> None:
    text = (
        "mqtt: {host: broker, username: centre, tls: {ca_file: /etc/ca.pem}}\n"
        "air: {temperature_c: -4.5, metar_file: /run/metar}\n"
        "intake: {known_nodes: [a/b, a/c]}\n"
    )
    config = load_config(written(tmp_path, text))
    assert load_config(written(tmp_path, show_text(config))) == config


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mqtt: {hots: x}", ":1 mqtt.hots: unknown key; did you mean host?"),
        ("\nair: {temperature_c: warm}", ":2 air.temperature_c: "),
        ("mqtt: {sites: [Town]}", "mqtt.sites: 'Town' is no site"),
        ("worker: {sites: [a b]}", "worker.sites: 'a b' is no site"),
        ("mqtt: {sites: [a]}\nworker: {sites: [b]}", ":2 worker.sites: b is not among mqtt.sites"),
        ("mqtt: {share_group: x}", "mqtt.share_group: several workers need one PostgreSQL record"),
        ("mqtt: {password_file: /x}", "mqtt.password_file: a password is of no use without a name"),
        ("mqtt: {host: 'mqtt://broker'}", "mqtt.host: mqtt://broker is more than a name"),
        ("paths: {state_dir: ~/gunshot}", "paths.state_dir: ~/gunshot: ~ is not understood here"),
        ("mqtt: {tls: {key_file: /x}}", "mqtt.tls.key_file: a key is of no use"),
        ("mqtt: {backoff_min_s: 9, backoff_max_s: 1}", "mqtt.backoff_max_s: 1 is below backoff_min_s (9)"),
        ("intake: {known_nodes: [roof]}", "intake.known_nodes: 'roof' is no node; write site/node"),
        ("intake: {unsigned: refuse}", "intake.unsigned: refuse needs the nodes' public keys"),
    ],
)
def test_what_cannot_work_is_told_where_it_stands(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, text + "\n"))
    assert told in str(caught.value)


def test_the_environment_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, "/somewhere/central.yaml")
    assert find_config() == Path("/somewhere/central.yaml")

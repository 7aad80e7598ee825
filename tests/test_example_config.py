"""``config.example.yaml`` is what the code says, and it is a configuration."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sensor.config import Config, load, load_config
from sensor.config.catalogue import catalogue
from sensor.config.reload import is_reloadable
from sensor.config.text import example_text, show_text, yaml_scalar
from sensor.config.yaml_reader import read_yaml

EXAMPLE = Path(__file__).parents[1] / "config.example.yaml"
SWITCHED_OFF = ("position", "mqtt.tls")


def uncommented(text: str) -> str:
    """The example with every key active: the # directly before a key, or before a section's body, is gone."""
    return re.sub(r"^( *)#(?=[a-z_]+:|  )", r"\1", text, flags=re.MULTILINE)


def test_the_file_in_the_repository_is_what_the_command_prints() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == example_text(), (
        "run: gunshot-sensor config example > config.example.yaml"
    )


def test_as_it_is_it_gives_the_defaults() -> None:
    assert load_config(EXAMPLE) == Config()


def test_uncommented_it_gives_the_defaults_and_a_position(tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(uncommented(example_text()), encoding="utf-8")
    config = load_config(path)
    assert config.position is not None
    assert config.mqtt.tls is not None
    off = config.model_copy(update={"position": None, "mqtt": Config().mqtt})
    assert off == Config()


def test_uncommented_it_holds_every_key_once_in_its_place() -> None:
    document = read_yaml(uncommented(example_text()), "example")
    assert document.faults == []
    written = {path for path in document.lines if path and all(isinstance(part, str) for part in path)}
    assert written == set(catalogue())


def test_every_key_stands_below_its_meaning() -> None:
    text = " ".join(
        re.sub(r"^ *#? *# ", " ", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE).split()
    )
    for key in catalogue().values():
        assert key.meaning.replace("``", "`") in text


def test_what_a_reload_takes_over_is_marked() -> None:
    marked = set()
    lines = example_text().splitlines()
    for path in catalogue():
        ends = [n for n, line in enumerate(lines) if re.fullmatch(rf" *#{path[-1]}: .*", line)]
        if any(lines[n - 1].endswith("[reload]") for n in ends):
            marked.add(path[-1])
    assert marked == {
        key.name for key in catalogue().values() if not key.section and is_reloadable(".".join(key.path))
    }


def test_no_line_is_wider_than_the_code() -> None:
    assert max(len(line) for line in example_text().splitlines()) <= 110


@pytest.mark.parametrize(
    "value",
    [
        "",
        "on",
        "NO",
        "007",
        "1e3",
        "a b",
        "a: b",
        "# x",
        "12:30",
        "null",
        "~",
        "ünï",
        "-",
        "[x]",
        "a\\b",
        "/etc/x",
    ],
)
def test_text_is_written_so_that_it_reads_back_as_text(value: str) -> None:
    assert read_yaml(f"key: {yaml_scalar(value)}", "f").data["key"] == value


@pytest.mark.parametrize("value", [None, True, 0, -1, 1e-7, 1e22, 0.1, 48000, [1, 2.5, "a"], []])
def test_values_are_written_so_that_they_read_back(value: object) -> None:
    assert read_yaml(f"key: {yaml_scalar(value)}", "f").data["key"] == value


def test_what_config_show_prints_reads_back_to_the_same_configuration(tmp_path: Path) -> None:
    config = load(EXAMPLE).config
    path = tmp_path / "shown.yaml"
    path.write_text(show_text(config), encoding="utf-8")
    assert load_config(path) == config
    assert show_text(config).startswith(f"# digest {config.digest}\n")

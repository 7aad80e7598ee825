"""A reload takes over what a running daemon can change, and names what waits for a restart."""

from __future__ import annotations

from sensor.config import Config
from sensor.config.catalogue import catalogue
from sensor.config.reload import RELOADABLE, diff, take_over

OLD = Config()
NEW = Config.model_validate(
    {
        "site": "durham",
        "position": {"lat_deg": 35.99403, "lon_deg": -78.89862, "height_m": 90.0},
        "publish": {"p_min": 0.5},
        "log": {"level": "debug", "format": "json"},
    }
)


def test_changed_keys_are_told_apart() -> None:
    taken, waiting = diff(OLD, NEW)
    assert taken == ["log.level", "publish.p_min"]
    assert {key.partition(".")[0] for key in waiting} == {"site", "position", "log"}


def test_equal_configurations_differ_in_nothing() -> None:
    assert diff(OLD, Config()) == ([], [])


def test_what_is_in_force_afterwards_is_the_old_with_the_reloadable_of_the_new() -> None:
    config = take_over(OLD, NEW)
    assert config.publish.p_min == 0.5
    assert config.log.level == "debug"
    assert diff(config, OLD)[1] == []
    assert diff(config, NEW)[0] == []


def test_taking_over_nothing_changes_nothing_and_keeps_the_digest() -> None:
    assert take_over(NEW, NEW) == NEW
    assert take_over(NEW, NEW).digest == NEW.digest


def test_every_reloadable_name_is_a_key_or_a_section() -> None:
    assert {tuple(name.split(".")) for name in RELOADABLE} <= set(catalogue())

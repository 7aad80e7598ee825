"""Every key has a meaning, and its range and type in words."""

from __future__ import annotations

import dataclasses
import enum
from typing import Annotated, ClassVar, Literal

import pytest
from annotated_types import Gt, Interval, Len, Lt

from sensor.config.catalogue import REQUIRED, Key, catalogue, keys_of


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    """What an inner section is."""

    word: Annotated[str, Len(1, 5)] = "a"
    """A word."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    """What an outer section is."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    needed: int
    """A figure that
    must be given."""
    share: Annotated[float, Interval(ge=0.0, le=0.5)] = 0.1
    """A share."""
    above: Annotated[float, Gt(0), Lt(10)] | None = None
    """May be none."""
    colour: Colour = Colour.RED
    """A colour."""
    way: Literal["in", "out"] = "in"
    """A way."""
    rates: tuple[Annotated[int, Interval(ge=1, le=9)], ...] = (1,)
    """Some rates."""
    switch: bool = False
    """On or off."""
    inner: Inner | None = None


KEYS = {".".join(key.path): key for key in keys_of(Outer)}


@pytest.mark.parametrize(
    ("name", "wanted", "allowed"),
    [
        ("needed", "a whole number", ""),
        ("share", "a number", "0 to 0.5"),
        ("above", "a number", "above 0, below 10"),
        ("colour", "one of the choices", "red or blue"),
        ("way", "one of the choices", "in or out"),
        ("rates", "a list, each a whole number", "each 1 to 9"),
        ("switch", "true or false", ""),
        ("inner", "a section", ""),
        ("inner.word", "text", "1 to 5 characters"),
    ],
)
def test_type_and_range_are_put_in_words(name: str, wanted: str, allowed: str) -> None:
    assert (KEYS[name].wanted, KEYS[name].allowed) == (wanted, allowed)


def test_the_meaning_is_the_docstring_below_the_field_or_of_the_section() -> None:
    assert KEYS["needed"].meaning == "A figure that must be given."
    assert KEYS["inner"].meaning == "What an inner section is."


def test_what_must_be_given_what_may_be_none_and_what_is_off() -> None:
    assert KEYS["needed"].default is REQUIRED
    assert KEYS["above"].optional
    assert KEYS["inner"].optional
    assert KEYS["inner"].section is Inner


@pytest.mark.parametrize("key", catalogue().values(), ids=lambda key: ".".join(key.path))
def test_every_key_of_the_configuration_is_explained(key: Key) -> None:
    assert len(key.meaning) > 10
    assert key.meaning.endswith((".", ")")), key.meaning
    assert "one of the choices" not in key.wanted or key.allowed


@pytest.mark.parametrize("key", catalogue().values(), ids=lambda key: ".".join(key.path))
def test_the_unit_of_every_figure_is_in_its_name(key: Key) -> None:
    units = (
        "_hz",
        "_s",
        "_ns",
        "_ms",
        "_m",
        "_k",
        "_deg",
        "_db",
        "_dbfs",
        "_ppm",
        "_bytes",
        "_db_s",
        "_per_k",
        "_mb",
    )
    plain = (
        "p_min",
        "burst_max",
        "per_minute_max",
        "channels",
        "pps_channel",
        "port",
        "window",
        "memory_rows",
        "repeat_likeness",
    )
    if key.wanted in ("a number", "a whole number"):
        assert key.name.endswith(units) or key.name in plain

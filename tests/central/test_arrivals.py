"""Candidates are read strictly where it matters and leniently where they carry more than we know."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.central.arrivals import read_arrival
from sensor.errors import WireError
from tests.support.messages import candidate

MINIMAL: dict[str, Any] = {
    "event_id": "e1",
    "node": "roof-07",
    "utc_ns": 1_700_000_000_123_456_789,
    "sigma_ns": 50_000,
    "position": {"lat_deg": 35.99, "lon_deg": -78.9, "height_m": 123.0, "sigma_m": 2.0},
}


def body(**changes: Any) -> dict[str, Any]:
    return {**MINIMAL, **changes}


def place(**changes: Any) -> dict[str, Any]:
    return body(position={**MINIMAL["position"], **changes})


def test_five_fields_are_enough() -> None:
    arrival = read_arrival(MINIMAL)
    assert arrival.key == "local/roof-07"
    assert arrival.utc_ns == 1_700_000_000_123_456_789
    assert arrival.p_gunshot is None
    assert arrival.snr_db is None


def test_our_own_candidate_is_read_whole() -> None:
    arrival = read_arrival(json.loads(candidate(event_id="x").to_json()), site="durham", node="roof-07")
    assert arrival.p_gunshot == 0.91
    assert arrival.classes["other"] == 0.09
    assert arrival.later_arrivals[0]["dt_ms"] == 41.2
    assert arrival.clock_source == "ntp"
    assert arrival.position.sigma_m == 2.0


def test_unknown_fields_are_ignored() -> None:
    assert read_arrival(body(colour="blue", position={**MINIMAL["position"], "floor": 3})).node == "roof-07"


@pytest.mark.parametrize("field", ["event_id", "node", "utc_ns", "sigma_ns", "position"])
@pytest.mark.parametrize("absent", [True, False])
def test_a_missing_field_is_named(field: str, absent: bool) -> None:  # noqa: FBT001  parametrised
    message = body(**{field: None})
    if absent:
        del message[field]
    with pytest.raises(WireError, match=field):
        read_arrival(message)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (body(utc_ns=-1), "utc_ns.*1970"),
        (body(utc_ns=True), "utc_ns"),
        (body(utc_ns=1.5), "integer"),
        (body(utc_ns=1_700_000_000), None),
        (body(utc_ns=10**5), None),
        (body(utc_ns=8 * 10**18), "2200"),
        (body(utc_ns=10**400), "very large"),
        (body(utc_ns="2024-01-01"), "utc_ns"),
        (body(sigma_ns=0), "sigma_ns"),
        (body(sigma_ns=-5), "sigma_ns"),
        (body(sigma_ns=math.nan), "sigma_ns"),
        (body(event_id=""), "event_id"),
        (body(event_id="a\nb"), "event_id"),
        (body(event_id=7), "event_id"),
        (body(node="n" * 201), "node"),
        (place(lat_deg=91.0), "lat_deg"),
        (place(lat_deg=math.nan), "lat_deg"),
        (place(lon_deg=-181), "lon_deg"),
        (place(lon_deg=True), "lon_deg"),
        (place(height_m=9001), "height_m"),
        (place(height_m=-501), "height_m"),
        (place(height_m=None), "height_m is missing"),
        (place(sigma_m=-1), "sigma_m"),
        (body(position=[35.0, -78.0]), "position"),
        (body(position="roof"), "its configuration has `position`; .*gunshot-sensor replay --manifest"),
        (body(p_gunshot=1.2), "p_gunshot"),
        (body(p_gunshot=True), "p_gunshot"),
        (body(snr_db=math.inf), "snr_db"),
        (body(snr_db=10**400), "snr_db"),
        (body(classes=[1]), "classes"),
        (body(classes={"gunshot": 2}), "classes.gunshot"),
        (body(later_arrivals="x"), "later_arrivals"),
        (body(later_arrivals=[3]), r"later_arrivals\[0\]"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field(message: dict[str, Any], words: str | None) -> None:
    if words is None:
        assert read_arrival(message).utc_ns == message["utc_ns"]
        return
    with pytest.raises(WireError, match=words) as caught:
        read_arrival(message)
    assert len(str(caught.value)) < 300


def test_a_whole_float_is_an_integer() -> None:
    assert read_arrival(body(sigma_ns=5000.0)).sigma_ns == 5000


def test_the_topic_must_agree() -> None:
    with pytest.raises(WireError, match=r"node.*topic"):
        read_arrival(MINIMAL, node="roof-08")
    with pytest.raises(WireError, match=r"site.*topic"):
        read_arrival(body(site="durham"), site="raleigh")
    assert read_arrival(MINIMAL, site="durham").site == "durham"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from([*MINIMAL, "classes", "later_arrivals", "clock", "snr_db", "site"]), JSON)
)
def test_anything_else_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        arrival = read_arrival({**MINIMAL, **changes})
    except WireError:
        return
    assert arrival.sigma_ns > 0
    assert math.isfinite(arrival.position.lat_deg)

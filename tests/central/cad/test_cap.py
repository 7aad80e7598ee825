"""Incidents as CAP 1.2: valid by OASIS's own schema, Alert, Update and Cancel tied by references."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sensor.central.cad.cap import NAMESPACE, alert, certainty, identifier
from sensor.central.cad.settings import CapSettings
from sensor.central.types import Ellipse, IncidentVersion, Place
from sensor.errors import ConfigError
from tests.support.incident_examples import AWKWARD, heard_only, later, located, retracted
from tests.support.standards import cap_schema, schema_folder

SETTINGS = CapSettings(sender="centre@durham.example", contact="desk@durham.example")
CASES = {
    "located": located(),
    "heard only": heard_only(),
    "exercise": located(exercise=True),
    "awkward words": located(state="reviewed", author=AWKWARD, reason=AWKWARD, site="durham"),
    "replay": located(created_ns=0),
    "antimeridian": located(
        place=Place(lat_deg=-17.0, lon_deg=179.99999, height_m=0.0),
        ellipse_95=Ellipse(semi_major_m=400.0, semi_minor_m=90.0, azimuth_deg=80.0),
    ),
    "pole": located(place=Place(lat_deg=90.0, lon_deg=0.0, height_m=0.0)),
}


def _cap(
    version: IncidentVersion, *former: IncidentVersion, settings: CapSettings = SETTINGS
) -> etree._Element:
    text = alert(version, former=former, settings=settings, incident_url="https://centre.example/i/1")
    return etree.fromstring(text)


def _text(root: etree._Element, path: str) -> list[str]:
    found = root.findall("/".join(f"{{{NAMESPACE}}}{part}" for part in path.split("/")))
    return [element.text or "" for element in found]


@pytest.mark.parametrize("name", CASES)
def test_what_is_sent_is_valid_by_the_published_schema(name: str) -> None:
    schema = cap_schema(schema_folder())
    schema.assertValid(_cap(CASES[name]))
    schema.assertValid(_cap(later(CASES[name]), CASES[name]))
    schema.assertValid(_cap(retracted(CASES[name]), CASES[name]))


def test_the_published_schema_does_find_faults() -> None:
    root = _cap(located())
    root.find(f"{{{NAMESPACE}}}sent").text = "2025-11-25T04:32:39Z"
    assert not cap_schema(schema_folder()).validate(root)


def test_times_carry_their_offset_and_utc_is_written_as_the_standard_asks() -> None:
    root = _cap(located())
    assert _text(root, "sent") == ["2025-11-25T04:32:39-00:00"]
    assert _text(root, "info/onset") == ["2025-11-25T04:32:33-00:00"]
    assert _text(root, "info/expires") == ["2025-11-25T05:32:39-00:00"]


def test_update_and_cancel_refer_to_what_was_sent_before() -> None:
    first = located()
    second = later(first)
    third = retracted(second)
    assert _text(_cap(first), "msgType") == ["Alert"]
    assert _text(_cap(first), "references") == []
    update, cancel = _cap(second, first), _cap(third, first, second)
    assert _text(update, "msgType") == ["Update"]
    assert _text(cancel, "msgType") == ["Cancel"]
    sent_before = [
        ",".join(_text(root, part)[0] for part in ("sender", "identifier", "sent"))
        for root in (_cap(first), update)
    ]
    assert _text(update, "references") == [sent_before[0]]
    assert _text(cancel, "references") == [" ".join(sent_before)]
    assert _text(cancel, "note") == ["Retracted by reviewer-7: fireworks seen on camera"]
    assert _text(cancel, "incidents") == [first.incident_id]


def test_an_identifier_has_none_of_the_characters_that_the_standard_forbids() -> None:
    assert not re.search(r"[\s,<&]", identifier(located()))
    assert identifier(located()) != identifier(later(located()))


@pytest.mark.parametrize("sender", ["centre of durham", "a,b@c", "a<b", "a&b", "tab\tbed"])
def test_a_sender_that_would_break_references_is_refused(sender: str) -> None:
    with pytest.raises(ConfigError, match="may hold no spaces, commas, < or &"):
        CapSettings(sender=sender)


@given(st.text())
def test_any_words_at_all_make_xml_that_can_be_read(words: str) -> None:
    shown = _text(_cap(located(author="ann", reason=words)), "info/description")[0]
    carried = "".join(c if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff") else "?" for c in words)
    assert f"ann: {carried}.".replace("\r\n", "\n").replace("\r", "\n") in shown


def test_an_exercise_has_status_exercise_and_the_scope_is_never_public() -> None:
    assert _text(_cap(located(exercise=True)), "status") == ["Exercise"]
    assert _text(_cap(located()), "status") == ["Actual"]
    for version in CASES.values():
        assert _text(_cap(version), "scope") == ["Restricted"]
        assert _text(_cap(version), "restriction") == [SETTINGS.restriction]


@pytest.mark.parametrize(
    ("p", "nodes", "is_located", "told"),
    [
        (0.95, 6, True, "Observed"),
        (0.90, 5, True, "Observed"),
        (0.95, 4, True, "Likely"),
        (0.95, 6, False, "Likely"),
        (0.89, 6, True, "Likely"),
        (0.50, 6, True, "Possible"),
        (0.10, 6, True, "Possible"),
        (0.09, 6, True, "Unlikely"),
    ],
)
def test_certainty_follows_the_rule(p: float, nodes: int, is_located: bool, told: str) -> None:  # noqa: FBT001  a column
    base = located() if is_located else heard_only()
    names = tuple(f"n{i}" for i in range(nodes))
    assert certainty(located(p_gunshot=p, nodes=names, place=base.place)) == told


def test_circle_and_polygon_name_latitude_first_and_hold_each_other() -> None:
    root = _cap(located())
    (circle,), (polygon,) = _text(root, "info/area/circle"), _text(root, "info/area/polygon")
    centre, radius_km = circle.split(" ")
    assert centre == "35.9876543,-78.9012346"
    assert float(radius_km) == pytest.approx(0.0145)
    corners = polygon.split(" ")
    assert corners[0] == corners[-1]
    assert len(corners) >= 4
    for lat, lon in (corner.split(",") for corner in corners):
        assert abs(float(lat) - 35.98765) < 0.0002
        assert abs(float(lon) + 78.90123) < 0.0002


def test_heard_only_has_a_described_area_and_no_geometry() -> None:
    root = _cap(heard_only())
    assert _text(root, "info/area/areaDesc") == ["Site durham: heard, not located"]
    assert _text(root, "info/area/circle") == _text(root, "info/area/polygon") == []


def test_across_the_antimeridian_there_are_two_polygons_within_the_legal_range() -> None:
    polygons = _text(_cap(CASES["antimeridian"]), "info/area/polygon")
    assert len(polygons) == 2
    longitudes = [
        float(corner.split(",")[1]) for corner in itertools.chain(*(p.split(" ") for p in polygons))
    ]
    assert min(longitudes) == -180.0
    assert max(longitudes) == 180.0


def test_a_late_or_retracted_one_is_past_and_a_fresh_one_immediate() -> None:
    assert _text(_cap(located()), "info/urgency") == ["Immediate"]
    assert _text(_cap(located(created_ns=located().utc_ns + 700 * 10**9)), "info/urgency") == ["Past"]
    assert _text(_cap(retracted(located()), located()), "info/urgency") == ["Past"]


def test_the_exact_time_and_the_record_travel_as_parameters() -> None:
    root = _cap(located(hash="ab" * 32))
    pairs = dict(
        zip(_text(root, "info/parameter/valueName"), _text(root, "info/parameter/value"), strict=True)
    )
    assert pairs["utc_ns"] == str(located().utc_ns)
    assert pairs["record_hash"] == "ab" * 32
    assert pairs["tag"] == "several_shooters"

"""Incidents as EIDO: valid by NENA's own schema, the ellipse exact, updates and cancels tied together."""

from __future__ import annotations

import copy
import json
import math
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sensor.central.cad.eido import CONFIDENCE, GML, SHAPES, eido, incident_id_of, incident_urn, pidf_lo
from sensor.central.cad.settings import EidoSettings
from sensor.central.types import Ellipse, IncidentVersion, Place
from tests.support.incident_examples import AWKWARD, SECOND_PLACE, heard_only, later, located, retracted
from tests.support.standards import eido_validator, schema_folder, unknown_fields

SETTINGS = EidoSettings(domain="centre.durham.example", agency_id="durham.example")
CASES = {
    "located": located(),
    "heard only": heard_only(),
    "retracted": retracted(located()),
    "exercise": located(exercise=True),
    "reviewed": located(state="reviewed", author=AWKWARD, reason=AWKWARD),
    "two places": located(alternatives=(SECOND_PLACE,), related_to=("other-incident",)),
    "fireworks": located(incident_class="fireworks", p_gunshot=0.02, tags=()),
}


def _eido(version: IncidentVersion, *former: IncidentVersion) -> dict[str, Any]:
    body = eido(
        version, former=former, settings=SETTINGS, incident_url="https://centre.example/i/1?version=1"
    )
    copied: dict[str, Any] = json.loads(json.dumps(body))
    return copied


@pytest.mark.parametrize("name", CASES)
def test_what_is_sent_is_valid_by_the_published_schema_and_uses_no_field_it_does_not_know(name: str) -> None:
    folder = schema_folder()
    body = _eido(CASES[name], *([located()] if name == "retracted" else []))
    assert [error.message for error in eido_validator(folder).iter_errors(body)] == []
    assert unknown_fields(folder, body) == []


def test_the_published_schema_does_find_faults() -> None:
    folder = schema_folder()
    body = _eido(located())
    wrong_version = {**body, "eidoVersion": "2.0"}
    assert not eido_validator(folder).is_valid(wrong_version)
    no_code = copy.deepcopy(body)
    del no_code["incidentComponent"]["incidentTypeCommonRegistryText"]
    assert not eido_validator(folder).is_valid(no_code)
    misspelt = copy.deepcopy(body)
    misspelt["locationComponent"][0]["locationByValu"] = "x"
    assert unknown_fields(folder, misspelt) == [".locationComponent[0].locationByValu"]


def test_every_default_incident_type_is_one_of_apcos_codes() -> None:
    text = (schema_folder() / "eido" / "Schema" / "NIEMComponents" / "apco.yaml").read_text("utf-8")
    schemas = yaml.safe_load(text)["components"]["schemas"]
    codes = set(schemas["apcoIncidentCategoryCodeSimpleType"]["enum"])
    assert set(EidoSettings().incident_types.values()) <= codes


@pytest.mark.parametrize("name", CASES)
def test_every_reference_inside_the_object_leads_somewhere_and_every_id_is_its_own(name: str) -> None:
    body = _eido(CASES[name])
    ids: list[str] = []
    references: list[str] = []
    _collect(body, ids, references)
    assert len(ids) == len(set(ids))
    assert set(references) <= set(ids)


def _collect(value: Any, ids: list[str], references: list[str]) -> None:
    if isinstance(value, list):
        for item in value:
            _collect(item, ids, references)
    if isinstance(value, dict):
        ids += [value["$id"]] if "$id" in value else []
        references += [value["$ref"]] if "$ref" in value else []
        for item in value.values():
            _collect(item, ids, references)


def test_an_update_keeps_the_ids_grows_newer_and_names_what_it_replaces() -> None:
    first = located()
    second = later(first, incident_class="probable_gunshot", reason="one node more")
    before, after = _eido(first), _eido(second, first)
    assert before["$id"] == after["$id"] == incident_urn(first.incident_id, SETTINGS.domain)
    assert before["incidentComponent"]["$id"] == after["incidentComponent"]["$id"]
    assert before["locationComponent"][0]["$id"] == after["locationComponent"][0]["$id"]
    assert before["lastUpdateTimeStamp"] < after["lastUpdateTimeStamp"]
    assert (
        "Replaces version 1 of 2025-11-25 04:32:39.123 UTC"
        in after["notesComponent"][1]["notesActionComments"]
    )


def test_a_retraction_is_the_same_incident_with_status_cancelled_and_the_reason() -> None:
    body = _eido(retracted(located()), located())
    assert body["incidentComponent"]["incidentStatusCommonRegistryText"] == ["Cancelled"]
    summary = body["notesComponent"][0]["notesActionComments"]
    assert summary.startswith("RETRACTED: Gunshot")
    assert "Retracted by reviewer-7: fireworks seen on camera" in summary
    assert body["notesComponent"][1]["notesActionComments"].startswith("Cancels version 1 of")


@pytest.mark.parametrize(
    ("version", "code", "priority"),
    [
        (located(), "SHOOT", 1),
        (located(incident_class="probable_gunshot"), "WEAPON", 2),
        (located(incident_class="fireworks"), "FIREWRKS", 3),
        (heard_only(), "NOISE", 3),
        (heard_only(incident_class="gunshot"), "SHOOT", 2),
        (retracted(located()), "SHOOT", 3),
    ],
)
def test_class_and_place_decide_code_and_priority(version: IncidentVersion, code: str, priority: int) -> None:
    incident = _eido(version)["incidentComponent"]
    assert incident["incidentTypeCommonRegistryText"] == code
    assert incident["incidentCommonPriorityNumber"] == priority


def test_an_incident_that_was_not_located_has_no_place_and_says_so() -> None:
    body = _eido(heard_only())
    assert "locationComponent" not in body
    assert "locationReference" not in body["incidentComponent"]
    assert "heard by 2 nodes, and no point on a map" in body["notesComponent"][0]["notesActionComments"]


def test_the_alarm_points_to_the_signed_record() -> None:
    assert _eido(located())["alarmsSensorsComponent"][0]["alarmUrl"] == "https://centre.example/i/1?version=1"
    assert "alarmUrl" not in eido(located(), settings=SETTINGS)["alarmsSensorsComponent"][0]


def test_an_exercise_says_so_in_type_and_first_note() -> None:
    body = _eido(located(exercise=True))
    assert body["incidentComponent"]["incidentTypeInternalText"].startswith("EXERCISE")
    assert body["notesComponent"][0]["notesActionComments"].startswith("EXERCISE EXERCISE EXERCISE")


def test_words_in_notes_are_text_and_no_markup() -> None:
    body = _eido(located(state="reviewed", author="x", reason="<script>alert(1)</script>"))
    assert "&lt;script&gt;" in body["notesComponent"][0]["notesActionComments"]
    assert "<script>" not in json.dumps(body)


@given(
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    major=st.floats(0.1, 5000),
    ratio=st.floats(0.01, 1),
    azimuth=st.floats(0, 180),
)
def test_the_ellipse_in_the_location_object_is_the_95_percent_ellipse(
    lat: float, lon: float, major: float, ratio: float, azimuth: float
) -> None:
    ellipse = Ellipse(semi_major_m=major, semi_minor_m=major * ratio, azimuth_deg=azimuth)
    text = pidf_lo(Place(lat_deg=lat, lon_deg=lon, height_m=0.0), ellipse, entity="x")
    root = ET.fromstring(text)  # noqa: S314  our own text
    shape = root.find(f".//{{{SHAPES}}}Ellipse")
    assert shape is not None
    lat_told, lon_told = (float(part) for part in (shape.findtext(f"{{{GML}}}pos") or "").split())
    assert math.isclose(lat_told, lat, abs_tol=1e-8)
    assert math.isclose(lon_told, lon, abs_tol=1e-8)
    told = [
        float(shape.findtext(f"{{{SHAPES}}}{n}") or "nan")
        for n in ("semiMajorAxis", "semiMinorAxis", "orientation")
    ]
    assert told == pytest.approx([major, major * ratio, azimuth], abs=0.0051)
    assert shape.get("srsName") == "urn:ogc:def:crs:EPSG::4326"
    assert root.findtext(f".//{{{CONFIDENCE}}}confidence") == "95"


@given(st.uuids().map(str) | st.from_regex(r"[A-Za-z0-9.-]{1,40}", fullmatch=True))
def test_the_incidents_id_comes_back_out_of_its_eido_name(incident_id: str) -> None:
    assert incident_id_of(incident_urn(incident_id, "centre.durham.example")) == incident_id
    assert incident_id_of(incident_id) == incident_id

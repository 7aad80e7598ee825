"""History: filters, exports, redaction, and sound where there is any."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from sensor.central.web.exports import COLUMNS, as_csv
from tests.support.town_map import FRAME
from tests.support.web_client import Client, logged_in
from tests.support.web_town import Site

As = Callable[[str], Client]


def found(client: Client, query: str = "") -> set[str]:
    return {each["incident_id"] for each in client.get(f"/api/incidents?{query}").json()["incidents"]}


def box(east_m: float, north_m: float, half_m: float = 60.0) -> str:
    low, high = FRAME.place(east_m - half_m, north_m - half_m), FRAME.place(east_m + half_m, north_m + half_m)
    return f"{low.lon_deg},{low.lat_deg},{high.lon_deg},{high.lat_deg}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("class=fireworks", {"inc-fireworks"}),
        ("class=fireworks,construction", {"inc-fireworks", "inc-construction"}),
        ("class=fireworks&class=construction", {"inc-fireworks", "inc-construction"}),
        ("state=closed", {"inc-backfire"}),
        ("text=full_auto", {"inc-automatic"}),
        ("text=" + quote("2 nodes"), {"inc-heard"}),
        ("text=%25", set()),
        ("site=elsewhere", set()),
        ("reviewed=yes", set()),
        ("until=1971-01-01", set()),
        (f"bbox={box(410, 350)}", {"inc-fireworks"}),
    ],
)
def test_the_record_is_searched(as_: As, query: str, expected: set[str]) -> None:
    assert found(as_("viewer"), query) == expected


def test_newest_first_and_told_when_there_is_more(as_: As) -> None:
    told = as_("viewer").get("/api/incidents?limit=3").json()
    assert [each["incident_id"] for each in told["incidents"]] == ["inc-first", "inc-automatic", "inc-heard"]
    assert told["cut"] is True
    assert as_("viewer").get("/api/incidents").json()["cut"] is False


def test_time_bounds_are_nanoseconds_or_iso(as_: As, town: Site) -> None:
    first = town.store.latest_of("inc-first")
    assert first is not None
    assert found(as_("viewer"), f"since={first.utc_ns}") == {"inc-first"}
    assert "inc-first" not in found(as_("viewer"), f"until={first.utc_ns}")
    assert len(found(as_("viewer"), "since=2020-01-01T00:00:00%2B02:00")) == 7


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("colour=red", "colour: no such filter; there are bbox"),
        ("class=ufo", "class: one of gunshot"),
        ("state=liquid", "state: one of open"),
        ("since=yesterday", "since: 'yesterday' is no time; write 2026-11-25T14:00:00Z"),
        ("since=9999-12-31", "is not between 1970 and 2200"),
        ("since=99999999999999999999999", "is not between 1970 and 2200"),
        ("bbox=1,2,3", "bbox: four numbers are wanted"),
        ("bbox=nan,nan,nan,nan", "bbox: west,south,east,north within"),
        ("bbox=0,50,1,40", "bbox: west,south,east,north within"),
        ("limit=0", "limit: a whole number from 1 to 10000"),
        ("limit=10001", "limit: a whole number"),
        ("limit=%D9%A3", "limit: a whole number"),
        ("reviewed=perhaps", "reviewed: yes or no"),
        ("text=" + "x" * 201, "text: at most 200 characters"),
    ],
)
def test_a_query_without_meaning_is_refused_in_words(as_: As, query: str, told: str) -> None:
    answer = as_("viewer").get(f"/api/incidents?{query}")
    assert answer.status == 400
    assert told in answer.error


def table(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/api/incidents.csv?{query}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="incidents.csv"'
    return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))


def test_a_table_holds_what_the_page_shows(own_town: Site) -> None:
    kim = logged_in(own_town.url, "dispatcher")
    kim.post("/api/incidents/inc-first/acknowledge")
    kim.post(
        "/api/incidents/inc-first/review",
        {"action": "reclassify", "class": "fireworks", "reason": '=HYPERLINK("x")', "expected_version": 1},
    )
    lines = {line["incident_id"]: line for line in table(kim)}
    assert len(lines) == 7
    assert tuple(lines["inc-first"]) == COLUMNS
    first = lines["inc-first"]
    assert (first["class"], first["decision"], first["decided_by"]) == ("fireworks", "fireworks", "kim")
    assert first["reason"] == first["decision_reason"] == '\'=HYPERLINK("x")'  # no spreadsheet runs it
    assert first["acknowledged_by"] == "kim"
    assert float(first["lon_deg"]) < -78.0  # a number, though it begins with a minus
    assert (lines["inc-heard"]["lat_deg"], lines["inc-heard"]["semi_major_m"]) == ("", "")
    assert {line["incident_id"] for line in table(kim, "reviewed=yes")} == {"inc-first"}


def test_an_export_leaves_the_house_and_is_audited(own_town: Site) -> None:
    logged_in(own_town.url, "dispatcher").get("/api/incidents.csv?class=gunshot")
    (entry,) = own_town.store.audit_log(action="export")
    assert (entry.actor, entry.subject, entry.detail["query"]) == ("kim", "csv", "class=gunshot")


def test_geojson_holds_points_areas_and_what_has_no_place(as_: As) -> None:
    answer = as_("auditor").get("/api/incidents.geojson")
    assert answer.headers["content-type"] == "application/geo+json"
    features = answer.json()["features"]
    shapes = [feature["properties"].get("shape") for feature in features]
    assert (shapes.count("point"), shapes.count("ellipse_95"), shapes.count(None)) == (6, 6, 1)


def test_who_may_not_see_sensors_gets_neither_their_names_nor_their_places(town: Site, as_: As) -> None:
    for path in (
        "/api/incidents",
        "/api/incidents/inc-first",
        "/api/incidents.csv",
        "/api/incidents.geojson",
    ):
        text = as_("dispatcher").get(path).body.decode()
        assert "roof-" not in text
        assert "distance_m" not in text
    whole = as_("dispatcher").get("/api/incidents/inc-first").json()["incident"]
    assert whole["redacted"] is True
    assert whole["nodes"][0] == "sensor 1"
    assert {each["node"] for each in whole["card"]["arrivals"]} == set(whole["nodes"])
    assert "roof-" in as_("reviewer").get("/api/incidents/inc-first").body.decode()
    near = as_("dispatcher").get("/api/incidents/inc-heard").json()["incident"]["card"]["near"]
    exact = as_("reviewer").get("/api/incidents/inc-heard").json()["incident"]["card"]["near"]
    assert near["radius_m"] >= 500.0
    assert near["lat_deg"] != exact["lat_deg"]
    assert town.store.latest_of("inc-first") is not None


def _sound(site: Site) -> tuple[str, str]:
    version = site.store.latest_of("inc-first")
    assert version is not None
    event_id = version.event_ids[0]
    clips = next(site.folder.glob("clips"))
    (clips / f"{event_id}.wav").write_bytes(b"RIFF....WAVE")
    (clips / "secret.wav").write_bytes(b"not yours")
    return event_id, f"/api/incidents/inc-first/evidence/{event_id}"


def test_sound_is_heard_where_there_is_any_by_those_who_may_and_each_hearing_is_audited(
    own_town: Site,
) -> None:
    event_id, path = _sound(own_town)
    kim = logged_in(own_town.url, "dispatcher")
    assert kim.get("/api/incidents/inc-first").json()["evidence"]["events"] == [event_id]
    answer = kim.get(path)
    assert (answer.status, answer.body) == (200, b"RIFF....WAVE")
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("audio/wav", "no-store")
    (entry,) = own_town.store.audit_log(action="evidence.heard")
    assert (entry.actor, entry.subject, entry.detail["event_id"]) == ("kim", "inc-first", event_id)
    lee = logged_in(own_town.url, "officer")
    assert lee.get(path).status == 403
    assert lee.get("/api/incidents/inc-first").json()["evidence"]["events"] == []


def test_no_other_file_is_reached_through_the_name_of_an_event(own_town: Site) -> None:
    event_id, _ = _sound(own_town)
    kim = logged_in(own_town.url, "dispatcher")
    for name in (
        "secret",
        "..%2Fsecret",
        "%2e%2e%2fclips%2fsecret",
        f"{event_id}%00",
        f"..%2Fclips%2F{event_id}",
    ):
        assert kim.get(f"/api/incidents/inc-first/evidence/{name}").status == 404
    assert kim.get(f"/api/incidents/inc-automatic/evidence/{event_id}").status == 404  # not one of its events


def test_a_table_of_nothing_has_its_head() -> None:
    assert as_csv([]) == "\ufeff" + ",".join(COLUMNS) + "\r\n"


def test_nodes_and_coverage_are_of_the_moment(town: Site, as_: As) -> None:
    told: dict[str, Any] = as_("reviewer").get("/api/nodes").json()
    by_name = {node["node"]: node for node in told["nodes"]}
    assert by_name["roof-06"]["state"] == "silent"
    assert by_name["roof-06"]["radius_m"] == 0
    assert by_name["roof-15"]["quarantine_reason"].startswith("its clock is 180 ms late")
    assert by_name["roof-01"]["radius_m"] > 200
    covered = as_("officer").get("/api/coverage").json()
    assert (covered["nodes"], covered["listening"], covered["assumed"]) == (16, 14, 1)
    (site,) = covered["sites"]
    assert 0.0 < site["share"] < 1.0
    assert len(site["percent"]) == site["columns"] * site["rows"]
    assert "roof-" not in as_("officer").get("/api/coverage").body.decode()
    assert len(town.store.nodes()) == 16


def test_the_audit_is_searched_and_looking_is_audited(own_town: Site) -> None:
    logged_in(own_town.url, "dispatcher").post("/api/incidents/inc-first/acknowledge")
    otto = logged_in(own_town.url, "auditor")
    entries = otto.get("/api/audit?actor=kim&action=acknowledge").json()["entries"]
    assert [(each["actor"], each["subject"]) for each in entries] == [("kim", "inc-first")]
    looked = otto.get("/api/audit?action=audit.read").json()["entries"]
    assert looked[0]["detail"]["query"] == "actor=kim&action=acknowledge"
    assert otto.get("/api/audit?colour=red").status == 400

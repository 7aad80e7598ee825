"""The review desk: seen, confirmed, reclassified, retracted, taken back, and what was found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sensor.central.incidents.chain import seal
from sensor.central.store import Store
from sensor.central.store.sqlite import SqliteStore
from sensor.central.web.app import create_app
from sensor.central.web.live import LiveFeed
from sensor.central.web.server import WebServer
from sensor.central.web.settings import WebSettings
from tests.support.town_evening import following
from tests.support.web_client import Answer, Client, logged_in
from tests.support.web_town import Site, seed

As = Callable[[str], Client]


CONFIRM: dict[str, Any] = {"action": "confirm", "class": "gunshot"}


def decide(client: Client, incident_id: str, *, version: int = 1, **body: Any) -> Answer:
    return client.post(f"/api/incidents/{incident_id}/review", {"expected_version": version, **body})


def author_and_state(store: Store, incident_id: str) -> tuple[str, str, str]:
    last = store.latest_of(incident_id)
    assert last is not None
    return last.author, last.state, last.incident_class


def test_seen_is_noted_once_for_each_person(own_town: Site) -> None:
    kim, ada = logged_in(own_town.url, "dispatcher"), logged_in(own_town.url, "reviewer")
    for client in (kim, kim, ada):
        answer = client.post("/api/incidents/inc-first/acknowledge")
    assert [each["by"] for each in answer.json()["desk"]["acknowledged"]] == ["kim", "ada"]
    assert len(own_town.store.audit_log(action="acknowledge")) == 2
    assert author_and_state(own_town.store, "inc-first")[0] == "fusion"  # seeing decides nothing


@pytest.mark.parametrize(
    ("incident_id", "body", "expected"),
    [
        ("inc-first", CONFIRM, ("kim", "reviewed", "gunshot")),
        ("inc-fireworks", {"action": "confirm", "class": "fireworks"}, ("kim", "reviewed", "fireworks")),
        (
            "inc-automatic",
            {"action": "reclassify", "class": "construction", "reason": "nail gun on camera"},
            ("kim", "reviewed", "construction"),
        ),
        ("inc-heard", {"action": "retract", "reason": "thunder"}, ("kim", "retracted", "unknown")),
    ],
)
def test_a_decision_becomes_a_version_a_label_and_an_entry_of_the_audit(
    own_town: Site, incident_id: str, body: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    answer = decide(logged_in(own_town.url, "dispatcher"), incident_id, **body)
    assert answer.status == 200
    told = answer.json()["incident"]
    assert (told["author"], told["state"], told["class"]) == expected
    assert author_and_state(own_town.store, incident_id) == expected
    (label,) = [each for each in own_town.store.labels(incident_id) if each.source == "review"]
    assert (label.author, label.reason) == ("kim", body.get("reason", ""))
    (entry,) = own_town.store.audit_log(action=f"review.{body['action']}")
    assert (entry.actor, entry.subject) == ("kim", incident_id)
    own_town.store.verify_ledger()
    own_town.store.verify_audit()


def test_a_confirmation_is_of_what_the_person_saw_even_if_fusion_thinks_otherwise_since(
    own_town: Site,
) -> None:
    seen = own_town.store.latest_of("inc-first")
    assert seen is not None
    own_town.happens(following(seen, incident_class="fireworks", reason="a string of crackers"))
    answer = decide(logged_in(own_town.url, "dispatcher"), "inc-first", **CONFIRM)
    assert (answer.status, answer.json()["incident"]["class"]) == (200, "gunshot")


def test_a_decision_is_taken_back_by_a_version_of_its_own(own_town: Site) -> None:
    kim = logged_in(own_town.url, "dispatcher")
    decide(kim, "inc-first", action="retract", reason="pressed by mistake")
    answer = decide(kim, "inc-first", version=2, action="restore", reason="it was a shot")
    assert (answer.json()["incident"]["state"], answer.json()["incident"]["version"]) == ("classified", 3)
    assert answer.json()["desk"]["decision"] is None
    assert len(own_town.store.versions("inc-first")) == 3


def test_who_was_slower_is_told_who_was_faster_and_overwrites_nothing(own_town: Site) -> None:
    decide(logged_in(own_town.url, "reviewer"), "inc-first", action="retract", reason="thunder")
    answer = decide(logged_in(own_town.url, "dispatcher"), "inc-first", **CONFIRM)
    assert answer.status == 409
    assert answer.error == (
        "ada made version 2 of this incident while you were reading version 1 "
        "(retracted: thunder); look at it and decide again"
    )
    assert author_and_state(own_town.store, "inc-first")[:2] == ("ada", "retracted")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"action": "retract", "reason": "  "}, "reason: please give a few words"),
        ({"action": "retract", "reason": 7}, "reason: text is wanted, not int"),
        ({"action": "retract", "reason": "x" * 501}, "reason: 501 characters, at most 500 are kept"),
        ({"action": "reclassify", "reason": "because"}, "class: one of gunshot"),
        ({"action": "reclassify", "class": "ufo", "reason": "because"}, "class: one of gunshot"),
        ({"action": "confirm", "class": "unknown"}, "class: one of gunshot"),
        ({"action": "confirm"}, "class: one of gunshot"),
        ({"action": "erase", "reason": "because"}, "action: one of confirm, reclassify, retract, restore"),
        ({"action": ["confirm"]}, "action: one of confirm"),
        ({"action": "retract", "reason": "because", "expected_version": "1"}, "expected_version: a whole"),
        ({"action": "retract", "reason": "because", "expected_version": True}, "expected_version: a whole"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused_in_words(
    as_: As, town: Site, body: dict[str, Any], told: str
) -> None:
    answer = decide(as_("dispatcher"), "inc-first", **body)
    assert answer.status == 400
    assert told in answer.error
    assert len(town.store.versions("inc-first")) == 1


def test_what_nobody_has_decided_cannot_be_taken_back(as_: As) -> None:
    answer = decide(as_("dispatcher"), "inc-first", action="restore", reason="why not")
    assert (answer.status, "nothing to undo" in answer.error) == (422, True)


@pytest.mark.parametrize("action", ["acknowledge", "review", "disposition"])
def test_an_incident_that_is_not_there_cannot_be_decided(as_: As, action: str) -> None:
    assert as_("dispatcher").post(f"/api/incidents/nowhere/{action}").status == 404


def test_what_an_officer_found_is_kept_in_the_words_of_the_figures(own_town: Site) -> None:
    lee = logged_in(own_town.url, "officer")
    answer = lee.post(
        "/api/incidents/inc-first/disposition", {"outcome": "casings_found", "note": "six, 9 mm, by the wall"}
    )
    (found,) = answer.json()["desk"]["dispositions"]
    assert (found["label"], found["reason"]) == ("confirmed", "casings found: six, 9 mm, by the wall")
    assert (found["by"], found["source"]) == ("lee", "scene")
    assert lee.post("/api/incidents/inc-first/disposition", {"outcome": "gold"}).status == 400


def test_a_record_that_refuses_is_told_and_loses_nothing(own_town: Site) -> None:
    kim = logged_in(own_town.url, "dispatcher")
    own_town.store.close()
    answer = decide(kim, "inc-first", action="retract", reason="thunder")
    assert answer.status == 503
    assert Client(own_town.url).get("/healthz").status == 503


def test_a_server_without_fusion_shows_and_does_not_decide(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "record.db")
    seed(store, time.time_ns())
    settings = WebSettings(port=0)
    try:
        with WebServer(create_app(store, LiveFeed(), settings), settings) as server:
            kim = logged_in(server.url, "dispatcher")
            answer = decide(kim, "inc-first", **CONFIRM)
    finally:
        store.close()
    assert (answer.status, "only shows incidents" in answer.error) == (503, True)


def test_one_incident_comes_with_its_versions_its_chain_and_who_was_told(own_town: Site) -> None:
    own_town.store.add_delivery("cad", "inc-automatic", 2, due_ns=1)
    told = logged_in(own_town.url, "reviewer").get("/api/incidents/inc-automatic").json()
    assert [each["version"] for each in told["versions"]] == [1, 2]
    assert told["chain"] == {"holds": True, "words": "2 version(s), each named by the next one's hash"}
    assert told["deliveries"] == [{"channel": "cad", "version": 2, "state": "waiting", "reason": ""}]


def test_a_record_that_somebody_changed_says_so(own_town: Site) -> None:
    last = own_town.store.latest_of("inc-first")
    assert last is not None
    forged = seal(replace(last, version=2, prev_hash=last.hash), None)
    own_town.store.append_version(replace(forged, reason="changed after it was sealed"))
    told = logged_in(own_town.url, "reviewer").get("/api/incidents/inc-first").json()
    assert told["chain"]["holds"] is False

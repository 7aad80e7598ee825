"""Practice: drills from file and from the record, marked, scored, heard of by nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sensor.central.notify.rules import Silence, silence
from sensor.central.notify.settings import RuleSettings
from sensor.central.web.practice.drills import GUNFIRE, shipped
from sensor.central.web.practice.room import NOWHERE, score
from tests.support.web_client import Client, logged_in
from tests.support.web_town import Site

As = Callable[[str], Client]


def step(client: Client, name: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/api/practice/{name}", body)
    assert answer.status == 200, answer.body
    told: dict[str, Any] = answer.json()
    return told


def run_through(client: Client, drill: str, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A whole drill; the answers of the server, one per case."""
    step(client, "start", drill=drill)
    told = []
    for body in answers:
        step(client, "next")
        step(client, "acknowledge")
        told.append(step(client, "decide", **body))
    return told


SHOT = {"action": "confirm", "class": "gunshot"}


def other(name: str) -> dict[str, Any]:
    return {"action": "reclassify", "class": name, "reason": "as practised"}


FIRST_SHIFT = [SHOT, other("fireworks"), SHOT, SHOT, {"action": "retract", "reason": "small"}, other("other")]
"""Four right; the fourth is a false alarm, the last misses gunfire."""


def test_a_drill_is_marked_scored_and_kept_for_its_trainee(own_town: Site) -> None:
    lee = logged_in(own_town.url, "officer")
    step(lee, "start", drill="first-shift")
    case = step(lee, "next")
    assert (case["number"], case["of"]) == (1, 6)
    assert case["incident"]["exercise"] is True
    assert case["incident"]["incident_id"].startswith("exercise-")
    told = run_through(lee, "first-shift", FIRST_SHIFT)
    assert [each["answer"]["right"] for each in told] == [True, True, True, False, True, False]
    assert all("<status>Exercise</status>" in each["cap"] for each in told)
    result = told[-1]["result"]
    assert (result["cases"], result["right"]) == (6, 4)
    assert (result["missed_gunfire"], result["false_alarms"]) == (1, 1)
    (line,) = lee.get("/api/practice").json()["scores"]
    assert (line["trainee"], line["drill"], line["right"]) == ("lee", "first-shift", 4)
    assert lee.get("/api/practice").json()["state"] == {"running": False}


def test_trainees_see_their_own_scores_and_teachers_all(own_town: Site) -> None:
    for role in ("officer", "dispatcher"):
        run_through(logged_in(own_town.url, role), "first-shift", FIRST_SHIFT)
    scores = logged_in(own_town.url, "dispatcher").get("/api/practice").json()["scores"]
    assert [each["trainee"] for each in scores] == ["kim"]
    scores = logged_in(own_town.url, "reviewer").get("/api/practice").json()["scores"]
    assert [each["trainee"] for each in scores] == ["kim", "lee"]


def test_an_exercise_is_in_the_record_and_on_no_real_page(own_town: Site) -> None:
    kim = logged_in(own_town.url, "dispatcher")
    with logged_in(own_town.url, "viewer").live() as stream:
        stream.until(lambda each: each.kind == "beat")
        run_through(kim, "first-shift", FIRST_SHIFT)
        own_town.live.publish("desk", {"all": "told"})
        seen = stream.until(lambda each: each.kind == "desk")
    assert {each.kind for each in seen} <= {"beat", "desk"}
    assert not any(
        each["incident_id"].startswith("exercise") for each in kim.get("/api/incidents").json()["incidents"]
    )
    recorded = own_town.store.latest(filters={"exercise": True})
    assert len(recorded) == 6
    assert {version.author for version in recorded} == {"kim"}
    own_town.store.verify_ledger()


def test_only_receivers_that_ask_for_exercises_are_told_of_them(own_town: Site) -> None:
    run_through(logged_in(own_town.url, "dispatcher"), "first-shift", FIRST_SHIFT[:1])
    (version,) = own_town.store.latest(filters={"exercise": True})
    now_ns = time.time_ns()
    assert silence(version, None, RuleSettings(), now_ns=now_ns) is Silence.EXERCISE
    assert silence(version, None, RuleSettings(exercise="only"), now_ns=now_ns) is None


def test_the_sites_own_record_is_practised_without_giving_the_answer_away(own_town: Site) -> None:
    ada = logged_in(own_town.url, "reviewer")
    ada.post(
        "/api/incidents/inc-first/review",
        {"action": "reclassify", "class": "fireworks", "reason": "seen", "expected_version": 1},
    )
    ada.post("/api/incidents/inc-first/disposition", {"outcome": "not_a_shot", "note": "crackers"})
    kim = logged_in(own_town.url, "dispatcher")
    drills = {each["id"]: each for each in kim.get("/api/practice").json()["drills"]}
    assert drills["recorded"]["cases"] == 1
    step(kim, "start", drill="recorded")
    case = step(kim, "next")["incident"]
    assert (case["class"], case["tags"], case["event_ids"]) == ("gunshot", [], [])
    assert "roof-" not in str(case)  # a dispatcher does not see the sensors here either
    told = step(kim, "decide", **SHOT)
    assert (told["answer"]["right"], told["result"]["false_alarms"]) == (False, 1)
    assert told["answer"]["truth"] == "false: not a shot: crackers (scene)"


def test_what_does_not_belong_there_is_refused_in_words(as_: As) -> None:
    client = as_("dispatcher")
    step(client, "stop")
    for name in ("next", "acknowledge"):
        assert client.post(f"/api/practice/{name}").error == "no exercise is running; start one"
    assert client.post("/api/practice/start", {"drill": "nothing"}).error == "there is no drill 'nothing'"
    step(client, "start", drill="first-shift")
    assert client.post("/api/practice/decide", SHOT).error == "no case is open; let the next one appear"
    assert client.post("/api/practice/decide", {"action": "restore", "reason": "no"}).status == 400
    step(client, "next")
    answer = client.post("/api/practice/decide", {"action": "retract", "reason": ""})
    assert answer.error.startswith("reason: please give a few words")
    step(client, "stop")


def test_shipped_drills_teach_both_errors() -> None:
    (drill,) = shipped(NOWHERE)
    assert {case.gunfire for case in drill.cases} == {True, False}
    misleading = [case for case in drill.cases if (case.version.incident_class in GUNFIRE) != case.gunfire]
    assert len(misleading) >= 2
    assert all(case.version.exercise and case.lesson for case in drill.cases)


def test_a_score_without_a_case_seen_has_no_times() -> None:
    assert score([])["decide_median_s"] is None

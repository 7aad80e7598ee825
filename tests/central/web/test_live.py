"""The live stream: what comes, to whom, after a break, and when it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from sensor.central.incidents.chain import incident_json
from sensor.central.web.live import LiveFeed
from tests.support.town_evening import fired
from tests.support.web_client import Client, logged_in
from tests.support.web_town import Site, served

As = Callable[[str], Client]


def shot(name: str = "inc-new", **changes: object) -> dict[str, object]:
    return incident_json(fired(name, 100, 100, utc_ns=time.time_ns(), **changes))  # type: ignore[arg-type]


def is_beat(event: object) -> bool:
    return getattr(event, "kind", "") == "beat"


def test_a_new_incident_comes_without_being_asked_for(own_town: Site) -> None:
    with logged_in(own_town.url, "reviewer").live() as stream:
        stream.until(is_beat)
        version = fired("inc-new", 100, 100, utc_ns=time.time_ns())
        own_town.happens(version)
        event = stream.until(lambda each: each.kind == "incident")[-1]
    assert event.body == incident_json(version)


def test_a_decision_reaches_every_page(own_town: Site) -> None:
    kim = logged_in(own_town.url, "dispatcher")
    with logged_in(own_town.url, "viewer").live() as stream:
        stream.until(is_beat)
        kim.post(
            "/api/incidents/inc-first/review",
            {"action": "confirm", "class": "gunshot", "expected_version": 1},
        )
        seen = stream.until(lambda each: each.kind == "desk")
    (version,) = [each.body for each in seen if each.kind == "incident"]
    assert (version["incident_id"], version["version"], version["author"]) == ("inc-first", 2, "kim")
    assert seen[-1].body["desk"]["decision"]["by"] == "kim"


def test_each_role_gets_what_it_may_see(own_town: Site) -> None:
    streams = {role: logged_in(own_town.url, role) for role in ("viewer", "reviewer")}
    with streams["viewer"].live() as seen_by_all, streams["reviewer"].live() as seen_by_few:
        for stream in (seen_by_all, seen_by_few):
            stream.until(is_beat)
        own_town.live.publish("node", {"site": "riverside", "node": "roof-01", "state": "silent"})
        own_town.live.publish("incident", shot("inc-exercise", exercise=True))
        own_town.live.publish("desk", {"for": "kim"}, to="kim")
        own_town.live.publish("incident", shot())
        for_all = seen_by_all.until(lambda each: each.kind == "incident")
        for_few = seen_by_few.until(lambda each: each.kind == "incident")
    assert [each.kind for each in for_all if each.kind != "beat"] == ["incident"]
    assert for_all[-1].body["redacted"] is True
    assert "roof-" not in str(for_all)
    assert [each.kind for each in for_few if each.kind != "beat"] == ["node", "incident"]
    assert for_few[-1].body["incident_id"] == "inc-new"  # the exercise is its trainee's alone


def test_a_page_that_was_away_catches_up(own_town: Site) -> None:
    client = logged_in(own_town.url, "reviewer")
    with client.live() as stream:
        last = stream.until(is_beat)[-1].event_id
    for number in range(3):
        own_town.live.publish("incident", shot(f"inc-{number}"))
    with client.live(last=last) as stream:
        seen = stream.until(lambda each: each.kind == "incident" and each.body["incident_id"] == "inc-2")
    assert [each.body["incident_id"] for each in seen if each.kind == "incident"] == [
        "inc-0",
        "inc-1",
        "inc-2",
    ]


@pytest.mark.parametrize("last", ["of-another-server", "x-1", "-", "9" * 400, "\u00e9"])
def test_a_page_of_another_run_of_the_server_loads_everything_again(as_: As, last: str) -> None:
    with as_("viewer").live(last=last) as stream:
        assert stream.until(is_beat)[0].kind == "reload"


def test_a_user_who_is_disabled_hears_no_more_even_while_much_happens(own_town: Site) -> None:
    ended = threading.Event()

    def chatter() -> None:
        while not ended.wait(0.05):
            own_town.live.publish("desk", {"much": "happens"})

    talker = threading.Thread(target=chatter)
    with logged_in(own_town.url, "dispatcher").live() as stream:
        stream.until(is_beat)
        talker.start()
        try:
            user = own_town.store.user("kim")
            assert user is not None
            own_town.store.put_user(replace(user, disabled=True))
            seen = stream.until(lambda each: each.kind == "goodbye")
            assert stream.next() is None
        finally:
            ended.set()
            talker.join()
    assert {each.kind for each in seen} <= {"beat", "desk", "goodbye"}


def test_no_more_pages_are_served_than_the_settings_allow(tmp_path_factory: pytest.TempPathFactory) -> None:
    with served(tmp_path_factory.mktemp("full"), incidents=False, streams_max=2) as site:
        kim, ada = logged_in(site.url, "dispatcher"), logged_in(site.url, "reviewer")
        with kim.live() as first, kim.live() as second:
            first.until(is_beat)
            second.until(is_beat)
            answer = ada.get("/api/live")
            assert (answer.status, answer.headers["retry-after"]) == (503, "30")
            assert answer.error == "2 live pages are open, no more are served; close some"
        answer_in_time = threading.Event()
        while not answer_in_time.is_set():  # the server notices at its next sign of life that they are gone
            with ada.live() as stream:
                if stream.status == 200:
                    answer_in_time.set()


def test_one_user_does_not_take_all_pages(as_: As, town: Site) -> None:
    client = as_("auditor")
    opened = [client.live() for _ in range(20)]
    streams = [each.__enter__() for each in opened]
    try:
        for stream in streams:
            stream.until(is_beat)
        assert "20 live pages of otto are open" in client.get("/api/live").error
        with as_("viewer").live() as other:
            assert other.status == 200
    finally:
        for each in opened:
            each.__exit__(None, None, None)
    assert town.live.readers() >= 0


def test_streams_end_when_the_server_stops(tmp_path_factory: pytest.TempPathFactory) -> None:
    with served(tmp_path_factory.mktemp("stop"), incidents=False) as site:
        client = logged_in(site.url, "viewer")
        connection = client.live()
        stream = connection.__enter__()
        stream.until(is_beat)
    while stream.next() is not None:
        pass
    connection.__exit__(None, None, None)


def test_who_falls_behind_the_ring_is_told_to_load_again() -> None:
    feed = LiveFeed(kept=3)
    cursor, again = feed.start(None)
    assert (cursor, again) == (0, False)
    for number in range(5):
        feed.publish("node", {"number": number})
    assert feed.after(cursor).gap
    batch = feed.after(3)
    assert [message.body["number"] for message in batch.messages] == [3, 4]
    assert (batch.cursor, feed.after(batch.cursor).messages) == (5, ())

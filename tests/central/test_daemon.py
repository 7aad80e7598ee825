"""The central daemon end to end: a real Mosquitto, a real record, real signals and kills."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.centre import CentreProcess, incidents
from tests.support.mosquitto import Broker, Subscriber, wait_until
from tests.support.rooftops import Rooftops, publish

pytestmark = [pytest.mark.broker, pytest.mark.timeout(400)]


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker(persistent=True, options=("max_queued_messages 0",)) as running:
        yield running


def test_what_many_nodes_hear_becomes_one_located_incident_on_the_broker_and_in_the_record(
    broker: Broker,
) -> None:
    town = Rooftops()
    with CentreProcess(broker) as centre, Subscriber(broker) as link:
        centre.wait_ready()
        publish(link, town.shot(420.0, 250.0))
        wait_until(lambda: incidents(link), what="an incident is published")
        wait_until(
            lambda: any(len(each["nodes"]) == 8 for each in incidents(link).values()),
            what="it rests on all that heard it",
        )
        (incident,) = incidents(link).values()
        assert town.off_m(incident, 420.0, 250.0) < 10.0
        assert incident["ellipse_95"]["semi_major_m"] < 50.0
        assert len(incident["rounds"]) == 1
        assert centre.stored() == 8
        assert centre.versions()[-1]["incident_id"] == incident["incident_id"]
        assert centre.stop() == 0
        assert "STOPPING=1" in centre.told()


def alarms(link: Subscriber) -> dict[str, dict[str, Any]]:
    """The latest of each alarm topic, by what follows ``alarm/``."""
    return {
        got.topic.partition("/alarm/")[2]: json.loads(got.body)
        for got in list(link.got)
        if "/alarm/" in got.topic
    }


def test_a_flood_a_dead_node_and_the_weather_beside_a_shot(broker: Broker) -> None:
    """One node floods, one falls silent, another is two machines: each is told, and the shot is located."""
    town = Rooftops()
    settings = (
        "intake: {burst_max: 100, per_minute_max: 10}\n"
        "fleet: {silent_after_s: 5}\n"
        "air: {temperature_c: -20}\n"
    )
    with CentreProcess(broker, settings=settings) as centre, Subscriber(broker) as link:
        centre.wait_ready()
        link.publish("gunshot/v1/town/weather", json.dumps({"temperature_c": 15.0}))
        publish(link, [town.status(node) for node in town.roofs], "status")
        flood = town.candidate("roof-23", town.shot(0.0, 0.0, nodes=1)[0]["utc_ns"])
        for number in range(300):
            link.publish(
                "gunshot/v1/town/roof-23/candidate",
                json.dumps(flood | {"event_id": f"flood-{number}", "seq": 1000 + number}),
            )
        publish(link, town.shot(420.0, 250.0))
        wait_until(
            lambda: any(town_is_right(town, each) for each in incidents(link).values()), what="located"
        )
        wait_until(
            lambda: alarms(link).get("silent/roof-00", {}).get("raised") is True, what="the silence is told"
        )

        def speaks_again() -> bool:
            publish(link, [town.health("roof-00")], "health")  # it goes on: once would be silence again
            return alarms(link)["silent/roof-00"]["raised"] is False

        wait_until(speaks_again, what="the end of the silence is told")
        for number in range(8):
            other = town.candidate("roof-01", flood["utc_ns"], chain_id=f"chain-{number % 2}")
            link.publish("gunshot/v1/town/roof-01/candidate", json.dumps(other | {"event_id": f"e-{number}"}))
        wait_until(lambda: alarms(link).get("identity/roof-01", {}).get("raised") is True, what="doubted")
        assert centre.stop() == 0
        assert centre.rows("SELECT count(*) FROM arrival WHERE node = 'roof-23'")[0][0] <= 160
        assert centre.rows("SELECT count(*) FROM node_sample WHERE kind = 'weather'")[0][0] == 1
        assert "refused_rate_limited=" in centre.text


def town_is_right(town: Rooftops, incident: dict[str, Any]) -> bool:
    """Whether an incident lies where somebody fired, in the air that the weather reported."""
    return incident["position"] is not None and town.off_m(incident, 420.0, 250.0) < 15.0


def test_killed_in_the_middle_again_and_again_it_loses_nothing(broker: Broker) -> None:
    """Each candidate that the broker took is in the record once, each shot is one incident."""
    town = Rooftops()
    places = [(100.0, 100.0), (800.0, 500.0)]
    with CentreProcess(broker) as centre, Subscriber(broker, "nothing/at/all") as link:
        centre.wait_ready()
        sent = []
        begin_ns = time.time_ns() - 20 * 10**9
        for number, (east_m, north_m) in enumerate(places):
            # So far apart that no arrival of one can be taken for the other's, however fast this machine is.
            shot = town.shot(east_m, north_m, begin_ns + number * 8 * 10**9)
            sent += shot
            sender = threading.Thread(target=publish, args=(link, shot))
            sender.start()
            known = centre.stored()
            wait_until(lambda known=known: centre.stored() > known, what="some of it is stored")  # type: ignore[misc]  # bound now
            centre.kill()
            sender.join()
            centre.start()
        wait_until(lambda: centre.stored() == len(sent), 120.0, "all is stored")
        wait_until(
            lambda: sorted(len(each["nodes"]) for each in latest(centre)) == [8] * len(places),
            240.0,
            "each shot is one incident of all who heard it",
        )
        for each, (east_m, north_m) in zip(latest(centre), places, strict=True):
            assert town.off_m(each, east_m, north_m) < 15.0
        assert centre.stop() == 0


def latest(centre: CentreProcess) -> list[dict[str, Any]]:
    """The last version of each incident in the record, retracted ones left out, in order of time."""
    last = {each["incident_id"]: each for each in centre.versions()}
    kept = [each for each in last.values() if each["state"] != "retracted"]
    return sorted(kept, key=lambda each: int(each["utc_ns"]))


def test_the_pages_are_served_and_their_address_is_logged(broker: Broker) -> None:
    with CentreProcess(broker, settings="web: {port: 0}\n") as centre:
        centre.wait_ready()
        found = re.search(r"pages at (http://127\.0\.0\.1:\d+)", centre.text)
        assert found is not None
        with urllib.request.urlopen(found[1] + "/healthz", timeout=60.0) as answer:  # noqa: S310  an address of ours
            assert json.load(answer)["status"] == "ok"
        wait_until(lambda: "WATCHDOG=1" in centre.told(), what="the watchdog is fed")
        assert centre.stop() == 0

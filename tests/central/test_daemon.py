"""The central daemon end to end: a real Mosquitto, a real record, real signals and kills."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.centre import CentreProcess, incidents
from tests.support.mosquitto import Broker, Subscriber, wait_until
from tests.support.rooftops import Rooftops, publish

pytestmark = pytest.mark.broker


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

"""Webhook and push over real HTTP, incident topic and Home Assistant over a real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from jsonschema import Draft202012Validator
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from sensor.central.incidents.chain import verify_version, version_from
from sensor.central.notify.bodies import Bodies
from sensor.central.notify.build import channels
from sensor.central.notify.mqtt_topic import HomeAssistant, MqttTopic, incident_topic
from sensor.central.notify.push import Push
from sensor.central.notify.settings import (
    CadSettings,
    HomeAssistantSettings,
    HttpSettings,
    MailSettings,
    NotifySettings,
    PushSettings,
    WebhookSettings,
)
from sensor.central.notify.signature import check
from sensor.central.notify.webhook import Webhook
from sensor.central.schemas import KINDS, load
from sensor.errors import ConfigError, NotifyError, UplinkError
from tests.support.http_receiver import Receiver
from tests.support.incident_examples import SECOND_PLACE, heard_only, later, located, retracted
from tests.support.incidents import incident_version
from tests.support.mosquitto import Broker, Subscriber, wait_until
from tests.support.record import record

SECRET = "0123456789abcdef"  # noqa: S105  a test's
URL = "https://centre.example/{incident_id}/{version}"
BODIES = Bodies(NotifySettings(incident_url=URL))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


@pytest.mark.parametrize(
    ("form", "content_type", "beginning"),
    [
        ("incident", "application/json", b'{"alternatives"'),
        ("geojson", "application/geo+json", b'{"type": "FeatureCollection"'),
        ("cap", "application/cap+xml", b"<?xml"),
        ("eido", "application/json", b'{"$id": "urn:emergency:uid:incidentid:'),
    ],
)
def test_a_webhook_gets_the_form_it_asked_for_signed(
    secret: Path, form: Any, content_type: str, beginning: bytes
) -> None:
    with Receiver() as receiver:
        http = HttpSettings(url=f"{receiver.url}/hook", timeout_s=30.0)
        hook = Webhook(WebhookSettings(name="x", http=http, secret_file=secret, format=form), BODIES)
        assert hook.deliver(later(located()), former=[located()]) == "answered 200"
        (request,) = receiver.requests
    assert request.headers["Content-Type"] == content_type
    assert request.body.startswith(beginning)
    stamp = float(request.headers["Gunshot-Timestamp"])
    assert check(request.headers, request.body, [SECRET], now_s=stamp)[0] == f"{located().incident_id}/2"


def test_what_a_webhook_gets_is_the_sealed_record_itself(secret: Path) -> None:
    sealed = incident_version()
    with Receiver() as receiver:
        hook = WebhookSettings(
            name="x", http=HttpSettings(url=receiver.url, timeout_s=30.0), secret_file=secret
        )
        Webhook(hook, BODIES).deliver(sealed)
        got = version_from(json.loads(receiver.requests[0].body))
    verify_version(got)
    assert got == sealed


def test_every_attempt_is_signed_anew_with_the_same_key(secret: Path) -> None:
    times = iter([1000.0, 1030.0])
    with Receiver() as receiver:
        hook = WebhookSettings(
            name="x", http=HttpSettings(url=receiver.url, timeout_s=30.0), secret_file=secret
        )
        webhook = Webhook(hook, BODIES, clock=lambda: next(times))
        webhook.deliver(located())
        webhook.deliver(located())
    first, second = (request.headers for request in receiver.requests)
    assert first["Gunshot-Key"] == second["Gunshot-Key"]
    assert first["Gunshot-Signature"] != second["Gunshot-Signature"]


@pytest.mark.parametrize(
    ("content", "told"), [("short", "has 5 characters, 16 are needed"), ("\n", "has 0 characters")]
)
def test_a_weak_or_absent_secret_is_not_used(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "weak"
    path.write_text(content)
    with Receiver() as receiver:
        hook = WebhookSettings(name="x", http=HttpSettings(url=receiver.url), secret_file=path)
        with pytest.raises(NotifyError, match=told):
            Webhook(hook, BODIES).deliver(located())
        assert receiver.requests == []


@pytest.mark.parametrize(
    ("version", "priority", "title"),
    [
        (located(), 5, "Gunshot, 2 to 3 rounds, confidence high"),
        (located(incident_class="probable_gunshot"), 4, "Probable gunshot, 2 to 3 rounds, confidence high"),
        (heard_only(), 2, "Impulse of unknown kind, 1 round, heard but not located"),
        (retracted(located()), 3, "RETRACTED: Gunshot, 2 to 3 rounds, confidence high"),
        (located(exercise=True), 3, "EXERCISE: Gunshot, 2 to 3 rounds, confidence high"),
    ],
)
def test_a_push_is_as_loud_as_what_it_says(version: Any, priority: int, title: str) -> None:
    with Receiver() as receiver:
        http = HttpSettings(url=receiver.url, timeout_s=30.0)
        Push(PushSettings(name="x", http=http, topic="unguessable"), BODIES).deliver(version)
        body = json.loads(receiver.requests[0].body)
    assert (body["topic"], body["priority"], body["title"]) == ("unguessable", priority, title)
    assert body["click"] == URL.format(incident_id=version.incident_id, version=version.version)


class Publisher:
    """Publishes as the centre's own connection does: returns when the broker has acknowledged."""

    def __init__(self, broker: Broker) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def __call__(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(30)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture
def publish(broker: Broker) -> Iterator[Publisher]:
    publisher = Publisher(broker)
    yield publisher
    publisher.close()


@pytest.mark.broker
def test_the_latest_version_of_each_incident_waits_on_its_topic(broker: Broker, publish: Publisher) -> None:
    sealed = incident_version()
    topic = MqttTopic(publish, retained=True)
    assert topic.deliver(sealed) == "acknowledged by the broker"
    topic.deliver(located())
    topic.deliver(later(located()))
    with Subscriber(broker, "gunshot/v1/+/incident/+") as late:
        wait_until(lambda: len(late.got) == 2, what="a late subscriber has both incidents")
        got = {item.topic: json.loads(item.body) for item in late.got}
    assert version_from(got[incident_topic("town", "incident-1")]) == sealed
    assert got[f"gunshot/v1/durham/incident/{located().incident_id}"]["version"] == 2


@pytest.mark.broker
def test_without_retaining_a_late_subscriber_finds_nothing(broker: Broker, publish: Publisher) -> None:
    MqttTopic(publish, retained=False).deliver(located())
    with Subscriber(broker, "gunshot/v1/+/incident/+") as late:
        MqttTopic(publish, retained=True).deliver(heard_only())
        wait_until(lambda: len(late.got) == 1, what="the second has come")
        assert not late.got[0].retained


@pytest.mark.broker
def test_home_assistant_is_told_of_the_entity_once_and_then_of_events(
    broker: Broker, publish: Publisher
) -> None:
    with Subscriber(broker, "homeassistant/#") as subscriber:
        home = HomeAssistant(publish, prefix="homeassistant")
        home.deliver(located())
        home.deliver(retracted(located()))
        wait_until(lambda: len(subscriber.got) == 3, what="an announcement and two events have come")
        bodies = [json.loads(item.body) for item in subscriber.got]
        announcement, event, retraction = bodies
        topics = [item.topic for item in subscriber.got]
    assert topics[0] == "homeassistant/event/gunshot_durham/config"
    assert topics[1] == topics[2] == announcement["state_topic"]
    assert {event["event_type"], retraction["event_type"]} <= set(announcement["event_types"])
    assert (event["event_type"], retraction["event_type"]) == ("gunshot", "retracted")
    assert event["latitude"] == located().place.lat_deg  # type: ignore[union-attr]  # located
    with Subscriber(broker, "homeassistant/#", client_id="late") as late:
        home.deliver(heard_only())
        wait_until(lambda: len(late.got) == 2, what="announcement and new event have come")
        assert [item.retained for item in late.got] == [True, False]


def test_a_broker_that_is_away_means_not_now() -> None:
    def away(topic: str, payload: bytes, *, retain: bool = False) -> None:
        del topic, payload, retain
        raise UplinkError("no connection")

    with pytest.raises(NotifyError, match="broker: no connection"):
        MqttTopic(away, retained=True).deliver(located())
    with pytest.raises(NotifyError, match="broker: no connection"):
        HomeAssistant(away, prefix="homeassistant").deliver(located())


@pytest.mark.parametrize(
    "version",
    [
        incident_version(),
        located(alternatives=(SECOND_PLACE,)),
        heard_only(),
        retracted(located(exercise=True, related_to=("x",))),
    ],
)
def test_incident_messages_follow_their_schema(version: Any) -> None:
    body, _ = BODIES.write(version, "incident")
    validator = Draft202012Validator(load("incident"))
    assert [error.message for error in validator.iter_errors(json.loads(body))] == []
    message = json.loads(body)
    for name in load("incident")["required"]:
        assert not validator.is_valid({key: value for key, value in message.items() if key != name})


def test_every_field_of_an_incident_is_described_in_the_schema() -> None:
    for kind in KINDS:
        Draft202012Validator.check_schema(load(kind))
    properties = load("incident")["properties"]
    body, _ = BODIES.write(incident_version(), "incident")
    assert set(json.loads(body)) == set(properties) == set(load("incident")["required"])
    assert all(item.get("description") for item in properties.values())
    with pytest.raises(KeyError, match="there are: "):
        load("nonsense")


def test_the_settings_make_a_queue_for_each_receiver(secret: Path, tmp_path: Path) -> None:
    http = HttpSettings(url="https://receiver.example/")
    settings = NotifySettings(
        home_assistant=HomeAssistantSettings(enabled=True),
        webhooks=(WebhookSettings(name="a", http=http, secret_file=secret),),
        mails=(MailSettings(name="b", host="x", sender="a@b.example", recipients=("c@d.example",)),),
        pushes=(PushSettings(name="c", http=http, topic="t"),),
        cads=(CadSettings(name="d", http=http),),
    )

    def publish(topic: str, payload: bytes, *, retain: bool = False) -> None:
        del topic, payload, retain

    with record(tmp_path) as store:
        names = [channel.name for channel in channels(settings, store, publish=publish)]
        without_broker = [channel.name for channel in channels(settings, store)]
    assert names == ["mqtt", "home-assistant", "webhook/a", "mail/b", "push/c", "cad/d"]
    assert without_broker == names[2:]


def test_settings_that_cannot_work_are_refused_in_words(secret: Path) -> None:
    http = HttpSettings(url="https://receiver.example/")
    with pytest.raises(ConfigError, match="more than one receiver is called a"):
        NotifySettings(
            webhooks=(WebhookSettings(name="a", http=http, secret_file=secret),),
            pushes=(PushSettings(name="a", http=http, topic="t"),),
        )
    with pytest.raises(ConfigError, match="may hold"):
        NotifySettings(incident_url="https://x/{id}")

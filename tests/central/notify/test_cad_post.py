"""The whole way: incident to a dispatch centre over HTTP, its number and its disposition back."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.central.cad.eido import incident_urn
from sensor.central.cad.inbox import DispositionInbox
from sensor.central.cad.settings import EidoSettings
from sensor.central.notify.build import build_dispatcher
from sensor.central.notify.cad_post import number_in
from sensor.central.notify.http import Answer
from sensor.central.notify.settings import (
    CadSettings,
    HttpSettings,
    MqttTopicSettings,
    NotifySettings,
    RetrySettings,
    WebhookSettings,
)
from sensor.central.notify.signature import check, signed_headers
from sensor.central.store.sqlite import SqliteStore
from tests.support.cad import Cad
from tests.support.http_receiver import Hang, Receiver, Reply, Request
from tests.support.incident_examples import FIRED_NS, LOCATED, located, retracted
from tests.support.mosquitto import wait_until
from tests.support.record import append

NOW_NS = FIRED_NS + 8 * 10**9
SECRET = "the city's own long secret"  # noqa: S105  a test's
EIDO = EidoSettings(domain="centre.durham.example", agency_id="durham.example")
URN = incident_urn(LOCATED.incident_id, EIDO.domain)
FAST = RetrySettings(attempts_max=100, backoff_min_s=0.01, backoff_max_s=0.05)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    return path


def _signed(request: Request) -> None:
    check(request.headers, request.body, [SECRET], now_s=float(request.headers["Gunshot-Timestamp"]))


def _settings(cad: Cad, secret: Path, timeout_s: float = 30.0) -> NotifySettings:
    http = HttpSettings(url=cad.url, timeout_s=timeout_s)
    return NotifySettings(
        incident_url="https://centre.durham.example/incidents/{incident_id}?version={version}",
        mqtt=MqttTopicSettings(enabled=False),
        cads=(CadSettings(name="city", http=http, secret_file=secret, retry=FAST),),
        eido=EIDO,
        disposition_secrets={"city": secret},
    )


def test_incident_number_disposition_and_cancel_make_the_round(store: SqliteStore, secret: Path) -> None:
    with Cad(_signed) as cad:
        settings = _settings(cad, secret)
        dispatcher = build_dispatcher(settings, store, clock_ns=lambda: NOW_NS)
        dispatcher.start()
        first = append(store, located())
        dispatcher.publish(first)
        wait_until(lambda: store.deliveries(state="delivered"), what="the dispatch centre has it")
        (delivery,) = store.deliveries()
        assert delivery.reason == f"taken as {cad.number_of(URN)}"
        (number,) = store.labels(first.incident_id)
        assert (number.label, number.reason, number.author) == ("cad_number", cad.number_of(URN), "city")
        alarm = cad.incidents[URN]["alarmsSensorsComponent"][0]
        assert alarm["alarmUrl"] == f"https://centre.durham.example/incidents/{first.incident_id}?version=1"

        body = cad.disposition(URN, "Unfounded", text="fireworks")
        headers = signed_headers(SECRET, key="d-1", timestamp_s=NOW_NS // 10**9, body=body)
        (outcome,) = DispositionInbox(settings, store, clock_ns=lambda: NOW_NS).post(headers, body)
        assert (outcome.incident_id, outcome.label, outcome.result) == (
            first.incident_id,
            "false",
            "recorded",
        )
        assert [item.label for item in store.labels(first.incident_id)] == ["cad_number", "false"]

        append(store, retracted(first))
        dispatcher.publish()
        wait_until(lambda: len(cad.history) == 2, what="the cancellation is there")
        wait_until(lambda: not store.deliveries(state="waiting"), what="the queue is settled")
        assert dispatcher.stop(120.0)
        assert cad.history[1]["$id"] == cad.history[0]["$id"] == URN
        assert cad.history[1]["incidentComponent"]["incidentStatusCommonRegistryText"] == ["Cancelled"]
        assert cad.history[1]["notesComponent"][1]["notesActionComments"].startswith("Cancels version 1")
        assert [request.headers["Gunshot-Key"] for request in cad.requests] == [
            f"{first.incident_id}/1",
            f"{first.incident_id}/2",
        ]


def test_a_dispatch_centre_that_hangs_gets_it_later_while_others_get_it_at_once(
    store: SqliteStore, secret: Path
) -> None:
    with Cad(_signed) as cad, Receiver() as receiver:
        cad.misbehaviour = Hang
        settings = _settings(cad, secret, timeout_s=0.5)
        hook = WebhookSettings(
            name="map", http=HttpSettings(url=receiver.url, timeout_s=30.0), secret_file=secret
        )
        settings = NotifySettings(
            mqtt=settings.mqtt, cads=settings.cads, eido=settings.eido, webhooks=(hook,)
        )
        ticking = iter(range(10**9))
        dispatcher = build_dispatcher(settings, store, clock_ns=lambda: NOW_NS + next(ticking) * 10**7)
        dispatcher.start()
        for number in range(3):
            append(store, located(incident_id=f"incident-{number}"))
            dispatcher.publish()
        wait_until(lambda: len(receiver.requests) == 3, what="the map has all three")
        wait_until(lambda: len(cad.requests) > 3, what="the dispatch centre was asked again and again")
        assert not store.deliveries(channel="cad/city", state="delivered")
        assert "no complete answer within 0.5 s" in dispatcher.status()["cad/city"]["last_error"]
        cad.misbehaviour = None
        wait_until(lambda: len(cad.incidents) == 3, what="the dispatch centre has all three")
        dispatcher.stop(120.0)


@pytest.mark.parametrize(
    "answer", [b"", b"<html>", b"[]", b'{"incidentComponent": 7}', b'{"incidentComponent": {}}']
)
def test_an_answer_without_a_number_is_no_reason_to_post_again(
    store: SqliteStore, secret: Path, answer: bytes
) -> None:
    with Receiver(Reply(200, answer)) as receiver:
        cad = CadSettings(name="city", http=HttpSettings(url=receiver.url), secret_file=secret, retry=FAST)
        settings = NotifySettings(mqtt=MqttTopicSettings(enabled=False), cads=(cad,))
        dispatcher = build_dispatcher(settings, store, clock_ns=lambda: NOW_NS)
        append(store, located())
        dispatcher.take_in()
        dispatcher._workers["cad/city"].step()
        (delivery,) = store.deliveries()
        assert delivery.state == "delivered"
        assert (
            delivery.reason == "answered 200; no number in its answer at incidentComponent.internalIncidentId"
        )
        assert store.labels() == []


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b'{"a": {"b": "26-1"}}', "26-1"),
        (b'{"a": {"b": 17}}', "17"),
        (b'{"a": {"b": true}}', None),
        (b'{"a": {"b": 1.5}}', None),
        (b'{"a": {"b": "  "}}', None),
        (b'{"a": {"b": "x\\u0000y"}}', None),
        (b'{"a": "b"}', None),
        (b"[" * 100_000, None),
    ],
)
def test_the_number_is_a_printable_word_or_nothing(body: bytes, number: str | None) -> None:
    assert number_in(Answer(status=200, content_type="application/json", body=body), "a.b") == number

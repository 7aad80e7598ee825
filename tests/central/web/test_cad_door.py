"""Both ways over real HTTP: an incident to a dispatch centre, and what came of it back through the door."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sensor.central.cad.dispositions import BODY_MAX
from sensor.central.cad.eido import incident_urn
from sensor.central.cad.inbox import DispositionInbox
from sensor.central.notify.build import build_dispatcher
from sensor.central.notify.settings import (
    CadSettings,
    HttpSettings,
    MqttTopicSettings,
    NotifySettings,
    RuleSettings,
)
from sensor.central.notify.signature import signed_headers
from sensor.central.store.sqlite import SqliteStore
from sensor.central.web.app import create_app
from sensor.central.web.cad_door import PATH, cad_door
from sensor.central.web.live import LiveFeed
from sensor.central.web.server import WebServer
from sensor.central.web.settings import WebSettings
from tests.support.cad import Cad
from tests.support.incident_examples import LOCATED, located, retracted
from tests.support.mosquitto import wait_until
from tests.support.record import append, record
from tests.support.web_client import Answer, Client

SECRET = "the city's own long secret"  # noqa: S105  a test's
RULE = RuleSettings(max_age_s=31_536_000.0)


@dataclass(frozen=True)
class Desk:
    """The centre with its door, and a dispatch centre's computer."""

    url: str
    store: SqliteStore
    settings: NotifySettings
    cad: Cad
    secret: Path

    def send(self, body: bytes, *, secret: str = SECRET, off_s: int = 0) -> Answer:
        """Post as the dispatch centre does."""
        headers = signed_headers(secret, key="d-1", timestamp_s=int(time.time()) + off_s, body=body)
        return Client(self.url).send("POST", PATH, body, headers)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    web = WebSettings(port=0, secret_path=str(tmp_path / "key"))
    with Cad() as cad, record(tmp_path) as store:
        notify = NotifySettings(
            mqtt=MqttTopicSettings(enabled=False),
            cads=(CadSettings(name="city", http=HttpSettings(url=cad.url), secret_file=secret, rule=RULE),),
            disposition_secrets={"city": secret},
        )
        door = cad_door(DispositionInbox(notify, store))
        with WebServer(create_app(store, LiveFeed(), web, routes=(door,)), web) as server:
            yield Desk(url=server.url, store=store, settings=notify, cad=cad, secret=secret)


def test_an_incident_goes_out_and_what_came_of_it_comes_back(desk: Desk) -> None:
    first = append(desk.store, located(utc_ns=time.time_ns()))
    dispatcher = build_dispatcher(desk.settings, desk.store)
    dispatcher.start()
    try:
        wait_until(lambda: len(desk.cad.history) == 1, what="the dispatch centre has it")
        urn = incident_urn(first.incident_id, desk.settings.eido.domain)
        answer = desk.send(desk.cad.disposition(urn, "Founded", text="two casings"))
        assert answer.status == 200
        (outcome,) = answer.json()["outcomes"]
        assert (outcome["result"], outcome["label"]) == ("recorded", "confirmed")
        append(desk.store, retracted(first))
        dispatcher.publish()
        wait_until(lambda: len(desk.cad.history) == 2, what="the dispatch centre has the cancel")
    finally:
        assert dispatcher.stop(120.0)
    (cancel,) = desk.cad.incidents.values()
    assert cancel["incidentComponent"]["incidentStatusCommonRegistryText"] == ["Cancelled"]
    assert [label.reason for label in desk.store.labels(first.incident_id, label="confirmed")] == [
        "Founded: two casings"
    ]
    number = desk.store.labels(first.incident_id, label="cad_number")[0].reason
    assert number == desk.cad.number_of(urn)
    by_number = desk.send(json.dumps({"number": number, "disposition": "unfounded"}).encode())
    assert by_number.json()["outcomes"][0]["incident_id"] == first.incident_id


def test_the_signature_is_the_permission(desk: Desk) -> None:
    append(desk.store, located())
    body = json.dumps({"incident_id": LOCATED.incident_id, "disposition": "false"}).encode()
    for refused in (
        Client(desk.url).send("POST", PATH, body),
        desk.send(body, secret="a secret of somebody else"),  # noqa: S106  a test's
        desk.send(body, off_s=-1000),
    ):
        assert refused.status == 403
    assert desk.store.labels() == []
    assert Client(desk.url).get(PATH).status == 405
    assert desk.send(body).status == 200
    assert desk.send(body).status in (200, 403)  # the same second gives the same signature: a replay
    assert len(desk.store.labels()) == 1


def test_what_is_no_disposition_is_told_what_is_wrong(desk: Desk) -> None:
    refused = desk.send(b'{"disposition": "false"}')
    assert refused.status == 400
    assert "names no incident" in refused.error
    unknown = desk.send(b'{"incident_id": "nobody", "disposition": "false"}')
    assert unknown.json()["outcomes"][0]["result"] == "unknown_incident"
    assert desk.send(b" " * (BODY_MAX + 1)).status == 413


def test_a_secret_that_cannot_be_read_is_not_told_to_strangers(desk: Desk) -> None:
    desk.secret.unlink()
    refused = desk.send(b"{}")
    assert refused.status == 503
    assert str(desk.secret) not in refused.error
    assert "send it again later" in refused.error

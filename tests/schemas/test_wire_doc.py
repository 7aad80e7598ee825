"""docs/wire.md names every field as the schemas do, and its broker set-up works when it is followed."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensor.broker.settings import TlsSettings
from sensor.schemas import KINDS, load
from sensor.uplink.mqtt import Uplink
from sensor.uplink.outbox import Outbox
from sensor.uplink.settings import MqttSettings, OutboxSettings
from tests.support.messages import NODE, SITE, candidate, health, status
from tests.support.mosquitto import Broker, Subscriber, free_port, wait_until

DOCUMENT = Path(__file__).parents[2] / "docs" / "wire.md"
SECRET = "correct horse"  # noqa: S105  of a broker that lives for a second
ROOT = f"gunshot/v1/{SITE}/{NODE}"


def block(heading: str) -> str:
    """The fenced block below a line that contains ``heading``."""
    pattern = rf"{re.escape(heading)}\n.*?\n```\w*\n(.*?)\n```"
    found = re.search(pattern, DOCUMENT.read_text(), re.DOTALL)
    assert found is not None, heading
    return f"{found[1]}\n"


def rows(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """One line of the document's table for each field."""
    for name, field in schema["properties"].items():
        inner = next((part for part in field.get("anyOf", ()) if "properties" in part), field)
        inner = field["items"] if "properties" in field.get("items", {}) else inner
        list_mark = "[]" if inner is field.get("items") else ""
        null = inner is not field and not list_mark
        kinds = field.get("type", "object or null" if null else "string")
        kind = " or ".join(kinds) if isinstance(kinds, list) else kinds
        yield f"| `{path}{name}{list_mark}` | {kind} | {field['description']} |"
        if "properties" in inner:
            yield from rows(inner, f"{path}{name}{list_mark}.")


def table(kind: str) -> str:
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *rows(load(kind))])


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_there_as_the_schema_has_it(kind: str) -> None:
    assert table(kind) in DOCUMENT.read_text(), f"docs/wire.md should contain:\n{table(kind)}"


@pytest.mark.broker
def test_its_broker_set_up_works_and_gives_a_node_no_more_than_it_needs(tmp_path: Path) -> None:
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    commands = block("### Certificates").replace("broker.example", "localhost")
    subprocess.run(["bash", "-euc", commands], cwd=certificates, check=True, capture_output=True)
    folder = certificates
    for user in (NODE, "roof-08", "centre"):
        create = [] if (folder / "passwords").exists() else ["-c"]
        subprocess.run(
            ["mosquitto_passwd", *create, "-b", str(folder / "passwords"), user, SECRET],
            check=True,
            capture_output=True,
        )
    (folder / "acl").write_text(block("### Access list").replace("durham", SITE))
    (folder / "acl").chmod(0o600)
    with _followed(folder) as broker:
        _use(broker, folder, tmp_path)


class _followed(Broker):  # noqa: N801  reads as a sentence in the test
    """A broker that runs on the document's own configuration, paths and port replaced."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.port = free_port()
        text = block("### Configuration")
        text = text.replace("/etc/mosquitto/gunshot/", f"{folder}/").replace("8883", str(self.port))
        text = text.replace("/var/lib/mosquitto/", f"{self.folder}/")
        (self.folder / "mosquitto.conf").write_text(f"user root\nlog_dest file {self.log}\n{text}")


def _use(broker: Broker, folder: Path, tmp_path: Path) -> None:
    password_file = tmp_path / "password"
    password_file.write_text(SECRET)
    password_file.chmod(0o600)
    broker.host = "localhost"
    ca_file = folder / "ca.crt"
    settings = MqttSettings(
        host="localhost",
        port=broker.port,
        tls=TlsSettings(ca_file=ca_file),
        username=NODE,
        password_file=password_file,
    )

    def subscriber(user: str) -> Subscriber:
        return Subscriber(broker, username=user, password=SECRET, ca_file=ca_file, client_id=user)

    with (
        Outbox(OutboxSettings(path=tmp_path / "outbox.db"), SITE, NODE) as outbox,
        subscriber("centre") as centre,
        subscriber("roof-08") as neighbour,
    ):
        uplink = Uplink(
            settings, outbox, SITE, NODE, birth=status, will=status("offline", "lost"), report=health
        )
        uplink.start()
        outbox.append(candidate())
        uplink.notify()
        wait_until(lambda: "status" in kinds(centre), what="the node is there")
        centre.publish(f"{ROOT}/command", '{"command_id":"1","verb":"ping"}')
        wait_until(lambda: {"candidate", "health", "status", "reply"} <= kinds(centre))
        for kind in KINDS:
            neighbour.publish(f"{ROOT}/{kind}", "forged")
            neighbour.publish(f"gunshot/v1/{SITE}/roof-08/{kind}", json.dumps({"kind": kind}))
        wait_until(lambda: len([got for got in centre.got if "roof-08" in got.topic]) == 4)
        uplink.stop()
        wait_until(lambda: json.loads(centre.bodies("status")[-1]).get("reason") == "stopped")
        assert b"forged" not in [got.body for got in centre.got]
        assert not [got for got in neighbour.got if NODE in got.topic]
        assert uplink.stats().refused == 0


def kinds(subscriber: Subscriber) -> set[str]:
    return {got.topic.rsplit("/", 1)[-1] for got in subscriber.got if f"/{NODE}/" in got.topic}

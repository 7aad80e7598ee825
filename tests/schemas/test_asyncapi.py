"""The AsyncAPI document is whole, resolves, and says what the uplink does."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
import yaml

from sensor.events import topic
from sensor.schemas import KINDS, load
from sensor.uplink.settings import MqttSettings

KEYS = {
    "": {"asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components"},
    "channels": {"address", "description", "parameters", "messages"},
    "operations": {"action", "channel", "summary", "bindings", "reply"},
    "messages": {"title", "contentType", "payload", "bindings"},
}
MQTT_KEYS = {
    "server": {"clientId", "cleanSession", "lastWill", "keepAlive", "sessionExpiryInterval"},
    "operation": {"qos", "retain", "messageExpiryInterval"},
    "message": {"payloadFormatIndicator", "contentType"},
}
"""Keys that AsyncAPI 3.0 and its MQTT binding 0.2.0 know, as far as this document uses them."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    text = (resources.files("sensor.schemas") / "asyncapi.yaml").read_text(encoding="utf-8")
    body: dict[str, Any] = yaml.safe_load(text)
    return body


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def resolve(document: dict[str, Any], reference: str) -> Any:
    target: Any = document
    for name in reference.removeprefix("#/").split("/"):
        target = target[name]
    return target


def test_it_is_an_asyncapi_3_document_with_known_keys(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert set(document) <= KEYS[""]
    assert {"title", "version"} <= set(document["info"])
    for section, parts in (
        ("channels", document["channels"]),
        ("operations", document["operations"]),
        ("messages", document["components"]["messages"]),
    ):
        for name, part in parts.items():
            assert set(part) <= KEYS[section], name
    for name, operation in document["operations"].items():
        assert operation["action"] in ("send", "receive"), name


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    for reference in found:
        if reference.startswith("#/"):
            resolve(document, reference)
        else:
            assert load(reference.removesuffix(".schema.json"))
    assert {f"{kind}.schema.json" for kind in KINDS} <= found


def test_the_bindings_are_those_of_mqtt(document: dict[str, Any]) -> None:
    bound = {
        "server": [document["servers"]["broker"]],
        "operation": list(document["operations"].values()),
        "message": [m for m in document["components"]["messages"].values() if "bindings" in m],
    }
    for kind, parts in bound.items():
        for part in parts:
            binding = part["bindings"]["mqtt"]
            assert binding["bindingVersion"] == "0.2.0"
            assert set(binding) <= MQTT_KEYS[kind] | {"bindingVersion"}


def test_the_addresses_are_the_topics_of_the_code(document: dict[str, Any]) -> None:
    assert set(document["channels"]) == set(KINDS)
    for kind, channel in document["channels"].items():
        assert channel["address"] == topic("{site}", "{node}", kind)
        assert set(channel["parameters"]) == {"site", "node"}


def test_it_says_what_the_uplink_does(document: dict[str, Any]) -> None:
    defaults = MqttSettings()
    server = document["servers"]["broker"]["bindings"]["mqtt"]
    assert server["keepAlive"] == defaults.keepalive_s
    assert server["lastWill"]["topic"] == topic("{site}", "{node}", "status")
    assert (server["lastWill"]["qos"], server["lastWill"]["retain"]) == (1, True)
    sent = {
        operation["channel"]["$ref"].rsplit("/", 1)[-1]: operation["bindings"]["mqtt"]
        for operation in document["operations"].values()
    }
    assert all(binding["qos"] == 1 for binding in sent.values())
    assert {kind for kind, binding in sent.items() if binding["retain"]} == {"health", "status"}
    assert sent["candidate"]["messageExpiryInterval"] == defaults.candidate_expiry_s

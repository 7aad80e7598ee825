"""A record of November 2024 in which every figure of the report is known beforehand."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path

from sensor.central.incidents.chain import Signer
from sensor.central.incidents.review import review
from sensor.central.store import NodeSample, NodeState, Store
from sensor.central.types import IncidentVersion
from sensor.events import Position
from tests.support.incident_examples import later, located
from tests.support.record import append

SECOND_NS = 10**9
SINCE_NS = round(datetime(2024, 11, 1, tzinfo=UTC).timestamp()) * SECOND_NS
UNTIL_NS = round(datetime(2024, 12, 1, tzinfo=UTC).timestamp()) * SECOND_NS
HOUR_NS = 3600 * SECOND_NS
PERSON, WORDS = "Kim Example", "seen by neighbour Jo Sample, call 555-0101"
"""A name and words that no report may show."""
OUTCOMES = {
    "confirmed-1": (("cad/city", "confirmed"),),
    "confirmed-2": (("scene", "confirmed"),),
    "false-1": (("cad/city", "false"),),
    "looked-1": (("cad/city", "unknown"),),
    "disputed-1": (("cad/city", "false"), ("scene", "confirmed")),
    "open-1": (),
    "by-ear-1": (("review", "unknown"),),
}
"""Alert -> what was said of it, in order of time. A reviewer's word is no outcome."""


def fill(store: Store, signer: Signer | None = None) -> None:
    """Write the month."""
    for number, (name, said) in enumerate(OUTCOMES.items()):
        first = _alert(store, name, number, signer)
        for step, (source, label) in enumerate(said):
            _label(store, name, source, label, first.utc_ns + (1200 + step) * SECOND_NS)
    _label(store, "confirmed-1", "cad/city", "dispatched", _at(0) + 90 * SECOND_NS)
    _label(store, "confirmed-1", "cad/city", "on_scene", _at(0) + 400 * SECOND_NS)
    crackers = located(
        incident_id="crackers", utc_ns=_at(20), created_ns=_at(20) + SECOND_NS, incident_class="fireworks"
    )
    append(store, crackers, signer)
    drill = located(
        incident_id="drill", utc_ns=_at(21), created_ns=_at(21) + SECOND_NS, exercise=True, card={}
    )
    append(store, drill, signer)
    before = located(incident_id="october", utc_ns=SINCE_NS - 1, created_ns=SINCE_NS + SECOND_NS)
    append(store, before, signer)
    _taken_back(store, signer)
    store.add_label(
        "missed/1",
        source="cad/city",
        label="missed",
        reason=json.dumps({"lat_deg": 35.98765, "lon_deg": -78.90123, "number": "26-1", "text": WORDS}),
        author=PERSON,
        at_ns=_at(30),
    )
    for number in range(3):
        store.audit(actor=PERSON, action="evidence.heard", subject="x", detail={}, at_ns=_at(40) + number)
    _delivered(store)
    _nodes(store)


def busy(store: Store, signer: Signer | None = None, *, alerts: int = 60) -> None:
    """Add so many alerts as a town might have in a month, with outcomes by chance, and sensors at work."""
    for node, silent in {
        "roof-1": range(0),
        "roof-2": range(9000, 9240),
        "roof-3": range(20000, 27000),
    }.items():
        minutes = (
            minute for minute in range((UNTIL_NS - SINCE_NS) // (60 * SECOND_NS)) if minute not in silent
        )
        store.add_node_samples([_health(node, minute, []) for minute in minutes])
    luck = random.Random(11)  # noqa: S311  a town, not a secret
    for number in range(alerts):
        name = f"alert-{number + 1:02d}"
        at_ns = SINCE_NS + luck.randrange(UNTIL_NS - SINCE_NS - HOUR_NS)
        placed = located(
            incident_id=name,
            site="town",
            utc_ns=at_ns,
            created_ns=at_ns + round(luck.uniform(1.5, 4.0) * SECOND_NS),
            reason="located",
        )
        append(store, placed, signer)
        delivery = store.add_delivery("webhook/desk", name, 1, due_ns=at_ns)
        told_ns = placed.created_ns + round(luck.uniform(0.2, 1.5) * SECOND_NS)
        store.settle_delivery(delivery, state="delivered", attempts=1, due_ns=at_ns, reason="", at_ns=told_ns)
        if luck.random() < 0.7:
            _label(store, name, "cad/city", "dispatched", told_ns + round(luck.uniform(30, 200)) * SECOND_NS)
            _label(store, name, "cad/city", "on_scene", told_ns + round(luck.uniform(200, 900)) * SECOND_NS)
        outcome = luck.choices(["confirmed", "false", "unknown", ""], [30, 8, 40, 22])[0]
        if outcome:
            _label(store, name, "cad/city", outcome, told_ns + HOUR_NS)


def _at(number: int) -> int:
    return SINCE_NS + (number + 1) * 10 * HOUR_NS


def _alert(store: Store, name: str, number: int, signer: Signer | None) -> IncidentVersion:
    """First heard, 2 s later located, with a number of seconds that grows by alert."""
    at_ns = _at(number)
    heard = located(
        incident_id=name,
        state="open",
        utc_ns=at_ns,
        place=None,
        ellipse_95=None,
        created_ns=at_ns + 2 * SECOND_NS,
        site="town",
    )
    append(store, heard, signer)
    placed = located(
        incident_id=name,
        utc_ns=at_ns,
        created_ns=at_ns + (3 + number) * SECOND_NS,
        site="town",
        reason="located",
    )
    return append(store, placed, signer)


def _taken_back(store: Store, signer: Signer | None) -> None:
    last = store.versions("false-1")[-1]
    store.append_version(
        review(
            last,
            action="retract",
            author=PERSON,
            reason=WORDS,
            at_ns=last.created_ns + 60 * SECOND_NS,
            signer=signer,
        )
    )
    closed = store.versions("open-1")[-1]
    append(store, later(closed, state="closed", reason="nothing more has been heard"), signer)


def _label(store: Store, incident: str, source: str, label: str, at_ns: int) -> None:
    store.add_label(incident, source=source, label=label, reason=WORDS, author=PERSON, at_ns=at_ns)


def _delivered(store: Store) -> None:
    for name in OUTCOMES:
        at_ns = store.versions(name)[0].utc_ns
        for channel, after_s in (("mqtt", 2), ("webhook/desk", 5)):
            number = store.add_delivery(channel, name, 1, due_ns=at_ns)
            store.settle_delivery(
                number,
                state="dead" if name == "open-1" else "delivered",
                attempts=1,
                due_ns=at_ns,
                reason="",
                at_ns=at_ns + after_s * SECOND_NS,
            )


def _nodes(store: Store) -> None:
    """``roof-1`` spoke for a day, ``roof-2`` its first half with a problem, ``roof-3`` never."""
    for number in (1, 2, 3):
        store.put_node(
            NodeState(
                site="town",
                node=f"roof-{number}",
                state="alive",
                utc_ns=SINCE_NS,
                position=Position(lat_deg=36.0, lon_deg=-78.9, height_m=90.0, sigma_m=1.0),
            )
        )
    minutes = range(24 * 60)
    store.add_node_samples([_health("roof-1", minute, []) for minute in minutes])
    store.add_node_samples([_health("roof-2", minute, ["hot"]) for minute in minutes[: len(minutes) // 2]])
    store.add_node_samples(
        [
            NodeSample(site="town", node="*", utc_ns=_at(number), kind="coverage", values={"share": share})
            for number, share in enumerate((1.0, 0.8, 0.4, None))
        ]
    )


def _health(node: str, minute: int, problems: list[str]) -> NodeSample:
    return NodeSample(
        site="town",
        node=node,
        utc_ns=SINCE_NS + minute * 60 * SECOND_NS,
        kind="health",
        values={"problems": problems},
    )


def configuration(folder: Path) -> Path:
    """A configuration whose record is ``folder/record.db``."""
    path = folder / "central.yaml"
    path.write_text(f"paths: {{state_dir: {folder}}}\nrecord: {{node_history_days: 36500}}\n")
    return path

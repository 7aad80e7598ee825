"""The watch on a real record: what is kept over a restart, what people order, what the record refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensor.central.fleet import FleetAlarm, FleetSettings
from sensor.central.fleet.alarm_topics import AlarmTopics, alarm_topic
from sensor.central.fleet.patrol import Patrol, order
from sensor.central.store import NodeState, Store
from sensor.central.store.sqlite import SqliteStore
from sensor.errors import CentralError, StoreError, UplinkError
from tests.central.fleet.test_fleet import ROOFS_M, shot, status
from tests.support.command import central_here
from tests.support.mosquitto import wait_until

S = 10**9


class Watch:
    """A patrol that is stepped by hand, and what it tells."""

    def __init__(self, store: Store, **settings: Any) -> None:
        self.alarms: list[FleetAlarm] = []
        self.nodes: list[NodeState] = []
        self.patrol = Patrol(
            store,
            FleetSettings(coverage_alarm_share=0.0, **settings),
            on_alarm=self.alarms.append,
            on_node=self.nodes.append,
        )

    def told(self) -> list[tuple[str, str | None, bool]]:
        return [(alarm.kind, alarm.node, alarm.raised) for alarm in self.alarms]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    record = SqliteStore(tmp_path / "record.db")
    yield record
    record.close()


def speak(watch: Watch, at_ns: int, *, but: str = "") -> None:
    for name in ROOFS_M:
        if name != but:
            watch.patrol.note("health", "town", name, {}, at_ns=at_ns, retained=False)


def test_states_and_alarms_are_kept_and_an_alarm_is_told_once_over_a_restart(store: SqliteStore) -> None:
    now_ns = time.time_ns()
    first = Watch(store, silent_after_s=60.0)
    speak(first, now_ns - 100 * S)
    speak(first, now_ns, but="roof-11")
    first.patrol.step(now_ns)
    assert first.told() == [("silent", "roof-11", True)]
    assert {state.node for state in store.nodes()} == set(ROOFS_M)
    assert [node.node for node in first.nodes if node.state == "silent"] == ["roof-11"]
    second = Watch(store, silent_after_s=60.0)
    second.patrol.start()
    assert second.patrol.stop(30.0)
    assert second.told() == []
    third = Watch(store, silent_after_s=60.0)
    third.patrol.start()
    third.patrol.note("health", "town", "roof-11", {}, at_ns=time.time_ns(), retained=False)
    wait_until(lambda: third.told() == [("silent", "roof-11", False)], what="its end is told")
    assert third.patrol.stop(30.0)


def test_only_what_changed_is_written(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    put = store.put_node

    def note(state: NodeState) -> None:
        written.append(state.node)
        put(state)

    monkeypatch.setattr(store, "put_node", note)
    watch, now_ns = Watch(store), time.time_ns()
    for second in range(5):
        speak(watch, now_ns + second * S)
        watch.patrol.step(now_ns + second * S)
    assert sorted(written) == sorted(ROOFS_M)


def test_what_the_record_refuses_is_written_when_it_answers_again(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, now_ns = Watch(store), time.time_ns()
    speak(watch, now_ns)

    def refuse(_samples: object) -> None:
        raise StoreError("record: the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(store, "add_node_samples", refuse)
        with pytest.raises(StoreError):
            watch.patrol.step(now_ns)
    assert store.nodes() == []
    watch.patrol.step(now_ns)
    assert len(store.nodes()) == len(store.node_samples(kind="health")) == len(ROOFS_M)


def test_a_clock_that_is_off_is_found_and_a_person_may_overrule(store: SqliteStore, tmp_path: Path) -> None:
    """From located sounds to quarantine, and back by the command line, each in the record with its reason."""

    class Window:
        def __init__(self, source: Any) -> None:
            self.sources = (source,)

    watch, rng, now_ns = Watch(store), np.random.default_rng(20261125), time.time_ns()
    speak(watch, now_ns)
    for number in range(24):
        source = shot(rng, number, late_s={"roof-11": 0.180}, moved_m={})
        watch.patrol.heard(source.association.rounds[0], at_ns=now_ns)
        watch.patrol.learn(Window(source))
    watch.patrol.step(now_ns)
    assert ("quarantine", "roof-11", True) in watch.told()
    assert [each.node for each in watch.patrol.listeners() if each.quarantined] == ["roof-11"]
    known = store.node("town", "roof-11")
    assert known is not None
    assert known.state == "quarantined"
    assert "ms" in known.quarantine_reason
    residuals = [item.values["residual_ms"] for item in store.node_samples(kind="residual", node="roof-11")]
    assert len(residuals) >= 8
    config = tmp_path / "central.yaml"
    config.write_text(f"paths: {{state_dir: {tmp_path}}}\n")
    assert "quarantined" in central_here("node", "list", "-c", config).stdout
    done = central_here("node", "release", "town/roof-11", "--reason", "its clock was mended", "-c", config)
    assert done.returncode == 0, done.stderr
    watch.patrol.step(now_ns + S)
    watch.patrol.step(now_ns + 2 * S)
    assert ("quarantine", "roof-11", False) in watch.told()
    assert store.audit_log(action="node release")[0].detail == {"reason": "its clock was mended"}
    done = central_here("node", "quarantine", "town/roof-00", "--reason", "pigeons", "-c", config)
    assert done.returncode == 0, done.stderr
    watch.patrol.step(now_ns + 3 * S)
    watch.patrol.step(now_ns + 4 * S)
    assert watch.told()[-1] == ("quarantine", "roof-00", True)


@pytest.mark.parametrize(
    ("key", "action", "reason", "told"),
    [
        ("town/roof-99", "release", "x", "no such node"),
        ("town/roof-00", "release", "  ", "needs a reason"),
        ("town/roof-00", "destroy", "x", "can be put in quarantine or released"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    store: SqliteStore, key: str, action: str, reason: str, told: str
) -> None:
    watch = Watch(store)
    speak(watch, time.time_ns())
    watch.patrol.step(time.time_ns())
    with pytest.raises(CentralError, match=told):
        order(store, key, action=action, author="ann", reason=reason, at_ns=1)


def test_two_machines_under_one_name_are_an_alarm_for_an_hour(store: SqliteStore) -> None:
    watch, now_ns = Watch(store), time.time_ns()
    watch.patrol.note("status", "town", "roof-00", status(), at_ns=now_ns, retained=True)
    watch.patrol.doubt("town", "roof-00", "two machines have this name", at_ns=now_ns)
    watch.patrol.step(now_ns)
    watch.patrol.step(now_ns + 1800 * S)
    assert [item for item in watch.told() if item[0] == "identity"] == [("identity", "roof-00", True)]
    watch.patrol.step(now_ns + 3601 * S)
    assert ("identity", "roof-00", False) in watch.told()


def test_alarms_wait_for_the_broker_and_only_the_latest_of_each_is_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sensor.central.fleet.alarm_topics.PAUSE_S", 0.01)
    published: list[tuple[str, bytes]] = []
    away = [True]

    def publish(topic: str, payload: bytes, *, retain: bool = False) -> None:
        if away[0]:
            raise UplinkError("no broker")
        assert retain
        published.append((topic, payload))

    topics = AlarmTopics(publish)
    topics.start()
    alarms = [
        FleetAlarm(kind="silent", site="town", node="roof-00", raised=raised, utc_ns=number, text="t")
        for number, raised in enumerate((True, False, True))
    ]
    for alarm in alarms:
        topics.tell(alarm)
    away[0] = False
    wait_until(lambda: published and b'"utc_ns":2' in published[-1][1], what="the latest is published")
    assert topics.stop(30.0)
    assert {topic for topic, _ in published} == {"gunshot/v1/town/alarm/silent/roof-00"}
    site_wide = FleetAlarm(kind="coverage", site="town", node=None, raised=True, utc_ns=1, text="t")
    assert alarm_topic(site_wide) == "gunshot/v1/town/alarm/coverage"

"""Who is there, who is to be believed, and how much of the town is heard."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from sensor.central.fleet import Fleet, FleetSettings
from sensor.central.fleet.alarms import FleetAlarm
from sensor.central.frame import Frame
from sensor.central.locate import LocateSettings, locate
from sensor.central.types import Air, Arrival, Association, Place, Source
from sensor.errors import CentralError
from sensor.events import Position
from sensor.physics import speed_of_sound_m_s

S = 10**9
DAWN_NS = 1_800_000_000 * S
FRAME = Frame(Place(lat_deg=35.99, lon_deg=-78.9, height_m=120.0))
AIR = Air(temperature_c=15.0)
ROOFS_M = {
    f"roof-{row}{column}": (380.0 * column + 60.0 * (row % 2), 350.0 * row)
    for row in range(4)
    for column in range(4)
}


def position(east_m: float, north_m: float) -> Position:
    place = FRAME.place(east_m, north_m, 10.0)
    return Position(lat_deg=place.lat_deg, lon_deg=place.lon_deg, height_m=place.height_m, sigma_m=1.0)


def status(state: str = "online", reason: str = "connected", boot_id: str = "boot-1") -> dict[str, Any]:
    return {
        "state": state,
        "reason": reason,
        "boot_id": boot_id,
        "position": None,
        "versions": {"software": "1"},
    }


def fleet(**changes: Any) -> Fleet:
    made = Fleet(FleetSettings(**changes))
    for name in ROOFS_M:
        made.status("town", name, status(), at_ns=DAWN_NS)
    return made


def all_speak(watch: Fleet, at_ns: int) -> None:
    for name in ROOFS_M:
        watch.health("town", name, {}, at_ns=at_ns)


def shot(
    rng: np.random.Generator, number: int, *, late_s: dict[str, float], moved_m: dict[str, float]
) -> Source:
    """A located shot at a random place, with 7 ms of street on every path."""
    here = rng.uniform((100.0, 100.0), (1000.0, 950.0))
    fired_ns = DAWN_NS + 60 * S * number
    arrivals = []
    for name, (east_m, north_m) in ROOFS_M.items():
        true_m = (east_m + moved_m.get(name, 0.0), north_m)
        way_m = float(np.hypot(here[0] - true_m[0], here[1] - true_m[1]))
        if way_m > 800.0:
            continue
        delay_s = way_m / speed_of_sound_m_s(15.0) + abs(rng.normal(0.0, 0.007)) + late_s.get(name, 0.0)
        arrivals.append(
            Arrival(
                event_id=f"{number}-{name}",
                site="town",
                node=name,
                utc_ns=fired_ns + round(delay_s * S),
                sigma_ns=200_000,
                position=position(east_m, north_m),
            )
        )
    association = Association(rounds=(tuple(arrivals),))
    return Source(
        association=association, fix=locate(association, frame=FRAME, air=AIR, settings=LocateSettings())
    )


def taught(
    watch: Fleet, *, sounds: int, late_s: dict[str, float], moved_m: dict[str, float]
) -> list[FleetAlarm]:
    """What the fleet tells while it hears ``sounds`` shots."""
    rng = np.random.default_rng(20261125)
    news = []
    for number in range(sounds):
        source = shot(rng, number, late_s=late_s, moved_m=moved_m)
        at_ns = DAWN_NS + 60 * S * number
        for arrival in source.association.rounds[0]:
            watch.heard(arrival, at_ns=at_ns)
        watch.learn(source, AIR, at_ns=at_ns)
        all_speak(watch, at_ns)
        news += watch.tick(at_ns)
    return news


def told(news: list[FleetAlarm]) -> list[tuple[str, str | None, bool]]:
    return [(alarm.kind, alarm.node, alarm.raised) for alarm in news]


def test_a_node_whose_connection_breaks_is_told_at_its_last_will() -> None:
    watch = fleet()
    assert watch.tick(DAWN_NS) == []
    watch.status("town", "roof-11", status("offline", "lost"), at_ns=DAWN_NS + 30 * S)
    (alarm,) = watch.tick(DAWN_NS + 31 * S)
    assert (alarm.kind, alarm.subject, alarm.raised) == ("silent", "town/roof-11", True)
    assert "its connection broke" in alarm.text
    assert watch.tick(DAWN_NS + 32 * S) == []  # told once
    watch.status("town", "roof-11", status(boot_id="boot-2"), at_ns=DAWN_NS + 40 * S)
    assert told(watch.tick(DAWN_NS + 41 * S)) == [("silent", "roof-11", False)]


def test_a_node_that_is_connected_and_says_nothing_is_told_by_its_silence() -> None:
    watch = fleet(silent_after_s=90.0)
    for name in ROOFS_M:
        if name != "roof-22":
            watch.health("town", name, {}, at_ns=DAWN_NS + 60 * S)
    assert watch.tick(DAWN_NS + 89 * S) == []
    assert told(watch.tick(DAWN_NS + 91 * S)) == [("silent", "roof-22", True)]
    assert {state.node for state in watch.states() if state.state == "silent"} == {"roof-22"}


def test_one_that_took_its_leave_is_no_alarm() -> None:
    watch = fleet()
    watch.status("town", "roof-00", status("offline", "stopped"), at_ns=DAWN_NS)
    all_but = [name for name in ROOFS_M if name != "roof-00"]
    for name in all_but:
        watch.health("town", name, {}, at_ns=DAWN_NS + 3000 * S)
    assert watch.tick(DAWN_NS + 3000 * S) == []
    assert watch.states()[0].state == "stopped"


def test_the_last_will_of_an_earlier_run_is_stale() -> None:
    watch = fleet()
    watch.status("town", "roof-00", status(boot_id="boot-2"), at_ns=DAWN_NS + S)
    watch.status("town", "roof-00", status("offline", "lost", boot_id="boot-1"), at_ns=DAWN_NS + 2 * S)
    assert watch.tick(DAWN_NS + 3 * S) == []


def test_what_the_broker_kept_does_not_make_a_dead_node_speak() -> None:
    watch = fleet()
    watch.status("town", "roof-00", status("offline", "lost"), at_ns=DAWN_NS)
    watch.health("town", "roof-00", {"audio": {"noise_dbfs": -60.0}}, at_ns=DAWN_NS + S, retained=True)
    assert told(watch.tick(DAWN_NS + 2 * S)) == [("silent", "roof-00", True)]
    assert watch.states()[0].noise_dbfs == -60.0


@pytest.mark.parametrize(
    "body",
    [
        {"clock": 7, "audio": [], "problems": 3},
        {"audio": {"noise_dbfs": "loud"}, "problems": {"a": 1}},
        {"audio": {"noise_dbfs": True}, "clock": {"utc_sigma_ns": "much", "source": 3}},
    ],
)
def test_a_health_message_of_the_wrong_kind_leaves_things_unknown(body: dict[str, Any]) -> None:
    watch = fleet()
    watch.health("town", "roof-00", body, at_ns=DAWN_NS)
    state = watch.states()[0]
    assert state.noise_dbfs is None
    assert state.clock_sigma_ns is None
    assert state.problems == ()
    json.dumps([dict(sample.values) for sample in watch.samples()])


def test_calibrated_candidates_give_the_noise_its_level() -> None:
    watch = fleet()
    heard = shot(np.random.default_rng(1), 0, late_s={}, moved_m={}).association.rounds[0][0]
    calibrated = Arrival(
        event_id="x",
        site="town",
        node=heard.node,
        utc_ns=1,
        sigma_ns=1,
        position=heard.position,
        peak_dbfs=-10.0,
        peak_db_spl=110.0,
    )
    watch.heard(calibrated, at_ns=DAWN_NS)
    watch.health("town", heard.node, {"audio": {"noise_dbfs": -70.0}}, at_ns=DAWN_NS)
    (state,) = [state for state in watch.states() if state.node == heard.node]
    assert state.noise_db_spl == pytest.approx(50.0)


def test_good_nodes_raise_no_alarm_and_none_is_quarantined() -> None:
    watch = fleet(coverage_alarm_share=0.0)
    assert taught(watch, sounds=30, late_s={}, moved_m={}) == []
    assert {state.state for state in watch.states()} == {"alive"}


def test_the_one_clock_that_is_off_is_found_named_and_quarantined() -> None:
    watch = fleet(coverage_alarm_share=0.0)
    news = taught(watch, sounds=30, late_s={"roof-11": 0.180}, moved_m={})
    assert ("quarantine", "roof-11", True) in told(news)
    assert {alarm.node for alarm in news} == {"roof-11"}
    assert {state.node for state in watch.states() if state.state == "quarantined"} == {"roof-11"}
    assert [item.node for item in watch.listeners() if item.quarantined] == ["roof-11"]
    clock = next(alarm for alarm in news if alarm.kind == "clock" and alarm.raised)
    assert "ms late" in clock.text


def astray(source: Source, node: str) -> Source:
    """As association tells it where the arrival of ``node`` missed the round: taken for an echo of it."""
    (volley,) = source.association.rounds
    association = Association(
        rounds=(tuple(arrival for arrival in volley if arrival.node != node),),
        echoes=tuple(arrival for arrival in volley if arrival.node == node),
    )
    return Source(
        association=association, fix=locate(association, frame=FRAME, air=AIR, settings=LocateSettings())
    )


@pytest.mark.parametrize(("scatter_s", "found"), [(0.0, True), (0.4, False)])
def test_one_taken_for_an_echo_every_time_is_found_if_it_is_always_as_late(
    scatter_s: float, *, found: bool
) -> None:
    watch = fleet(coverage_alarm_share=0.0)
    rng = np.random.default_rng(7)
    for number in range(20):
        late_s = {"roof-11": 0.180 + float(rng.uniform(0.0, scatter_s))}
        source = astray(shot(rng, number, late_s=late_s, moved_m={}), "roof-11")
        watch.learn(source, AIR, at_ns=DAWN_NS + 60 * S * number)
        all_speak(watch, DAWN_NS + 60 * S * number)
        watch.tick(DAWN_NS + 60 * S * number)
    held = {state.node for state in watch.states() if state.state == "quarantined"}
    assert held == ({"roof-11"} if found else set())


def test_the_one_that_was_moved_is_found() -> None:
    watch = fleet(coverage_alarm_share=0.0)
    news = taught(watch, sounds=40, late_s={}, moved_m={"roof-21": 70.0})
    assert {alarm.node for alarm in news} == {"roof-21"}
    assert ("position", "roof-21", True) in told(news)


def test_rules_never_leave_out_more_than_the_share_they_are_allowed() -> None:
    watch = fleet(coverage_alarm_share=0.0, quarantine_share_max=0.1)  # one of sixteen
    off = {"roof-11": 0.180, "roof-32": -0.250, "roof-03": 0.300}
    news = taught(watch, sounds=40, late_s=off, moved_m={})
    held = [state.node for state in watch.states() if state.state == "quarantined"]
    assert len(held) == 1
    assert set(held) <= set(off)
    assert ("many_off", None, True) in told(news)


def test_what_a_person_releases_the_rules_leave_alone_and_it_survives_a_restart() -> None:
    watch = fleet(coverage_alarm_share=0.0)
    taught(watch, sounds=20, late_s={"roof-11": 0.180}, moved_m={})
    with pytest.raises(CentralError, match="needs a reason"):
        watch.release("town/roof-11", author="ann", reason=" ", at_ns=DAWN_NS)
    watch.release("town/roof-11", author="ann", reason="clock was mended", at_ns=DAWN_NS)
    assert ("quarantine", "roof-11", False) in told(watch.tick(DAWN_NS + 2000 * S))
    again = Fleet(FleetSettings(coverage_alarm_share=0.0))
    again.restore(watch.states(), watch.samples())
    for one in (watch, again):
        news = taught(one, sounds=20, late_s={"roof-11": 0.180}, moved_m={})
        assert ("clock", "roof-11", True) in told(news)  # said, but not acted on
        assert "quarantined" not in {state.state for state in one.states()}


def test_a_person_may_leave_a_node_out_and_only_one_that_is_there() -> None:
    watch = fleet(coverage_alarm_share=0.0)
    watch.quarantine("town/roof-00", author="ann", reason="pigeons nest in it", at_ns=DAWN_NS)
    (alarm,) = watch.tick(DAWN_NS)
    assert alarm.values == {"author": "ann"}
    assert "pigeons" in alarm.text
    with pytest.raises(CentralError, match="town/roof-99: no such node"):
        watch.quarantine("town/roof-99", author="ann", reason="x", at_ns=DAWN_NS)


def test_coverage_is_a_time_series_and_its_loss_an_alarm() -> None:
    watch = fleet(coverage_alarm_share=0.5, coverage_interval_s=60.0)
    for name, where in ROOFS_M.items():
        made = Arrival(event_id=name, site="town", node=name, utc_ns=1, sigma_ns=1, position=position(*where))
        watch.heard(made, at_ns=DAWN_NS)
    assert watch.tick(DAWN_NS) == []
    for name in list(ROOFS_M)[:11]:
        watch.status("town", name, status("offline", "lost"), at_ns=DAWN_NS + 61 * S)
    news = watch.tick(DAWN_NS + 61 * S)
    assert ("coverage", None, True) in told(news)
    shares = [sample.values["share"] for sample in watch.samples() if sample.kind == "coverage"]
    assert shares[0] > 0.5 > shares[1]

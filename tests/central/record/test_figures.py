"""Every figure of a month that is known beforehand, and what the figures do not count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.central.record.figures import Figures, gather
from sensor.central.record.unknown import not_known
from sensor.central.store.sqlite import SqliteStore
from tests.support.month import SINCE_NS, UNTIL_NS, fill
from tests.support.record import record


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    with record(tmp_path_factory.mktemp("month")) as opened:
        fill(opened)
        yield opened


@pytest.fixture(scope="module")
def figures(store: SqliteStore) -> Figures:
    return gather(store, since_ns=SINCE_NS, until_ns=UNTIL_NS)


def test_alerts_are_what_was_ever_called_gunfire_in_this_month_and_no_exercise(figures: Figures) -> None:
    assert [alert.incident_id for alert in figures.alerts] == [
        "confirmed-1",
        "confirmed-2",
        "false-1",
        "looked-1",
        "disputed-1",
        "open-1",
        "by-ear-1",
    ]
    assert (figures.incidents, figures.exercises, figures.retracted, figures.not_located) == (8, 1, 1, 0)


def test_the_last_word_of_dispatch_or_scene_counts_and_what_a_reviewer_heard_does_not(
    figures: Figures,
) -> None:
    assert dict(figures.verdicts) == {"confirmed": 3, "false": 1, "unknown": 1, "none": 2}
    verdicts = {alert.incident_id: (alert.verdict, alert.verdict_by) for alert in figures.alerts}
    assert verdicts["disputed-1"] == ("confirmed", "scene")
    assert verdicts["by-ear-1"] == ("none", "")
    assert [alert.incident_id for alert in figures.alerts if alert.contradicted] == ["disputed-1"]
    assert figures.contradicted == 1


def test_shares_carry_their_intervals_and_say_of_how_many(figures: Figures) -> None:
    assert (figures.confirmed.hits, figures.confirmed.trials) == (3, 7)
    assert (figures.confirmed_of_decided.hits, figures.confirmed_of_decided.trials) == (3, 4)
    assert figures.confirmed_of_decided.low < 0.5 < figures.confirmed_of_decided.high
    assert (figures.detected.hits, figures.detected.trials) == (3, 4)


def test_times_run_from_the_discharge(figures: Figures) -> None:
    assert figures.located_after.count == 7
    assert figures.located_after.p50 == pytest.approx(6.0)
    assert (figures.located_after.p50_low, figures.located_after.p50_high) == (3.0, 9.0)
    assert figures.located_after.p95 is None, "seven values bear no 95 % quantile"
    assert (figures.told_after.count, figures.told_after.most) == (6, 5.0), "the broker is no receiver"
    assert (figures.dispatched_after.count, figures.dispatched_after.p50) == (1, 90.0)
    assert (figures.on_scene_after.count, figures.on_scene_after.p50) == (1, 400.0)
    assert figures.undeliverable == 2


def test_a_miss_is_told_with_its_rounded_place(figures: Figures) -> None:
    (missed,) = figures.missed
    assert (missed.near, missed.source) == ((35.99, -78.9), "cad/city")


def test_a_change_by_a_person_is_counted(figures: Figures) -> None:
    (reversal,) = figures.reversals
    assert (reversal.incident_id, reversal.before, reversal.after) == ("false-1", "gunshot", "retracted")


def test_uptime_is_a_share_of_the_whole_month(figures: Figures) -> None:
    shares = {node.node: node.up_share for node in figures.fleet.nodes}
    assert shares["roof-1"] == pytest.approx(1 / 30, abs=2e-5)
    assert shares["roof-2"] == pytest.approx(1 / 60, abs=2e-5)
    assert shares["roof-3"] is None
    assert figures.fleet.heard_any_share == shares["roof-1"]
    silences = {node.node: node.longest_silence_s for node in figures.fleet.nodes}
    assert silences["roof-2"] == 29.5 * 86_400 + 60
    (town,) = figures.fleet.coverage
    assert (town.points, town.least) == (3, 0.4)
    assert town.mean == pytest.approx(0.7333, abs=1e-3)
    assert town.below_half == pytest.approx(1 / 3)


def test_listening_to_sound_is_counted(figures: Figures) -> None:
    assert figures.privacy["sound of an event was listened to"] == 3


def test_the_record_is_walked_and_pinned_down(figures: Figures) -> None:
    assert figures.record.startswith("whole: ")
    assert figures.anchor is not None
    assert figures.anchor.versions == 7 * 2 + 3 + 2


def test_what_is_not_known_is_said(figures: Figures) -> None:
    text = "\n".join(not_known(figures))
    assert "What 3 of 7 alerts were: of 2 nobody reported an outcome, for 1 somebody looked" in text
    assert "4 decided alerts are too few" in text
    assert "For 6 of 7 alerts, when units were sent" in text
    assert "How 1 of 3 sensors were" in text
    assert "limited time" not in text


def test_history_that_is_gone_is_said(store: SqliteStore) -> None:
    late = gather(store, since_ns=SINCE_NS, until_ns=UNTIL_NS, history_from_ns=SINCE_NS + 1)
    assert any("limited time" in text for text in not_known(late))


def test_an_empty_month_is_no_fault(tmp_path: Path) -> None:
    with record(tmp_path) as empty:
        figures = gather(empty, since_ns=SINCE_NS, until_ns=UNTIL_NS)
    assert figures.alerts == ()
    assert figures.confirmed.value is None
    assert any("no confirmed shooting" in text for text in not_known(figures))
    assert any("no coverage" in text for text in not_known(figures))

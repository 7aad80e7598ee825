"""Scripted incidents are paired with recorded ones by time and place, and a miss is a miss."""

from __future__ import annotations

from typing import Any

import pytest

from scripts import demo_score, demo_town
from sensor.central.frame import Frame
from sensor.central.types import Ellipse, IncidentVersion, Place
from sensor.sim.scene import Sound, bundled_scene, load_scene
from tests.support.incident_examples import located

AT_NS = 1_790_000_000_000_000_000
FRAME = Frame(Place(lat_deg=36.0, lon_deg=-78.9, height_m=0.0))


def scripted(
    east_m: float = 0.0, north_m: float = 0.0, *, after_s: float = 0.0, kind: str = "gunshot"
) -> Any:
    weapon = "9mm" if kind == "gunshot" else None
    sound = Sound(kind=kind, weapon=weapon, time_s=1.0, at=(0.0, 0.0, 1.5))
    place = FRAME.place(east_m, north_m)
    return demo_town.Scripted(
        AT_NS + round(after_s * 1e9), 1.0 + after_s, sound, place.lat_deg, place.lon_deg
    )


def recorded(
    name: str, east_m: float, north_m: float, *, after_s: float = 0.0, **changes: Any
) -> IncidentVersion:
    return located(
        incident_id=name,
        utc_ns=AT_NS + round(after_s * 1e9),
        place=FRAME.place(east_m, north_m),
        **changes,
    )


def ellipse(major_m: float, minor_m: float, azimuth_deg: float) -> Ellipse:
    return Ellipse(semi_major_m=major_m, semi_minor_m=minor_m, azimuth_deg=azimuth_deg)


def test_two_shooters_at_one_moment_get_each_their_own() -> None:
    script = [scripted(0, 0), scripted(200, 0, after_s=0.5)]
    incidents = [recorded("east", 190, 5, after_s=0.4), recorded("west", 8, 0)]
    results = demo_score.score(script, incidents)
    assert [result.found and result.found.incident_id for result in results] == ["west", "east"]
    assert results[0].off_m == pytest.approx(8.0, abs=0.1)
    assert all(result.located for result in results)


@pytest.mark.parametrize(
    "incident",
    [
        recorded("late", 0, 0, after_s=2.0),
        recorded("far", 300, 0),
        recorded("gone", 0, 0, state="retracted"),
        located(place=None, ellipse_95=None, utc_ns=AT_NS),
    ],
)
def test_what_is_late_far_taken_back_or_not_located_does_not_serve(incident: IncidentVersion) -> None:
    (result,) = demo_score.score([scripted()], [incident])
    assert not result.located
    assert "MISSED" in result.words()


def test_one_incident_does_not_serve_two_shots() -> None:
    results = demo_score.score([scripted(0, 0), scripted(20, 0)], [recorded("one", 1, 0)])
    assert [result.located for result in results] == [True, False]


@pytest.mark.parametrize(
    ("east_m", "north_m", "shape", "told"),
    [
        (10.0, 0.0, ellipse(5.0, 5.0, 0.0), "within 25 m;"),
        (10.0, 0.0, ellipse(12.0, 11.0, 0.0), "within 25 m and within its 95 % ellipse"),
        (0.0, 40.0, ellipse(50.0, 5.0, 0.0), "m off, within its 95 % ellipse"),
        (40.0, 0.0, ellipse(50.0, 5.0, 90.0), "m off, within its 95 % ellipse"),
        (30.0, 30.0, ellipse(50.0, 5.0, 45.0), "m off, within its 95 % ellipse"),
        (30.0, -30.0, ellipse(50.0, 5.0, 45.0), "NOT within 25 m, NOT within its ellipse"),
        (0.0, 40.0, ellipse(50.0, 5.0, 90.0), "NOT within 25 m, NOT within its ellipse"),
    ],
)
def test_it_is_said_by_which_measure_it_was_located(
    east_m: float, north_m: float, shape: Ellipse, told: str
) -> None:
    (result,) = demo_score.score([scripted()], [recorded("x", east_m, north_m, ellipse_95=shape)])
    assert told in result.words()
    assert result.located is ("NOT" not in told)


def test_fireworks_need_no_alert_and_a_false_alarm_is_called_one() -> None:
    shell = scripted(kind="aerial_shell")
    assert "no alert, as it should be" in demo_score.score([shell], [])[0].words()
    (wrong,) = demo_score.score([shell], [recorded("x", 5, 0)])
    assert "A FALSE ALARM: gunshot" in wrong.words()
    (right,) = demo_score.score([shell], [recorded("x", 5, 0, incident_class="fireworks")])
    assert "no alarm: fireworks" in right.words()


def test_what_nobody_scripted_is_told() -> None:
    taken_back = recorded("other", 700, 0, state="retracted")
    incidents = [recorded("one", 1, 0), recorded("phantom", 600, 0), taken_back]
    results = demo_score.score([scripted()], incidents)
    (line,) = demo_score.not_scripted(results, incidents)
    assert line.startswith("not in the script: located; gunshot")


def test_the_script_goes_on_when_the_scene_begins_again() -> None:
    scene = load_scene(bundled_scene("town"))
    once = list(demo_town.script(scene, AT_NS, scene.duration_s))
    twice = list(demo_town.script(scene, AT_NS, 2 * scene.duration_s))
    assert sum(item.is_gunfire for item in once) == 4
    assert len(twice) == 2 * len(once)
    assert twice[len(once)].utc_ns - twice[0].utc_ns == scene.duration_s * 1e9
    assert demo_town.DIES in {node.name for node in scene.sensors}


def test_a_shortened_scene_keeps_what_is_played_and_its_echoes() -> None:
    scene = load_scene(bundled_scene("town"))
    short = demo_town.shortened(scene, 11.0)
    assert short.duration_s == 17.0
    assert [sound.time_s for sound in short.sources] == [4.0, 9.0]
    assert demo_town.shortened(scene, 100.0) is scene
    assert demo_town.shortened(scene, None) is scene

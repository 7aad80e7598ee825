"""Recordings and truth of a scene: reproducible, consistent with each other, on time."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sensor.sim.arrivals import emission_times_s, heard_sounds
from sensor.sim.render import iso_utc, render_scene
from sensor.sim.scene import Scene

TOWN = {
    "name": "town",
    "seed": 11,
    "duration_s": 3.0,
    "start_utc": "2026-06-14T21:04:00Z",
    "origin": {"lat_deg": 36.0, "lon_deg": -78.9, "height_m": 120.0},
    "surroundings": {"reverberation_db": -25.0, "reverberation_time_s": 0.3},
    "background": {"level_dba": 45.0},
    "sensors": [
        {"name": "west", "at": [-150.0, 0.0, 9.0], "rate_hz": 16_000},
        {
            "name": "east",
            "at": [150.0, 30.0, 9.0],
            "rate_hz": 12_000,
            "clock": {"offset_ms": 25.0, "rate_ppm": 100.0},
            "microphone": {"full_scale_db_spl": 94.0},
        },
    ],
    "sources": [
        {
            "kind": "gunshot",
            "weapon": "556nato",
            "time_s": 0.6,
            "at": [-60.0, 5.0, 1.5],
            "azimuth_deg": 80.0,
            "rounds": 2,
        },
        {"kind": "clap", "time_s": 1.9, "at": [-149.0, 5.0, 1.5]},
    ],
}


def scene(**changes: object) -> Scene:
    return Scene.model_validate({**TOWN, **changes})


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    render_scene(scene(), folder)
    return folder


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes(rendered: Path, tmp_path: Path) -> None:
    render_scene(scene(), tmp_path)
    assert digest(tmp_path) == digest(rendered)


def test_another_seed_gives_another_recording_of_the_same_events(rendered: Path, tmp_path: Path) -> None:
    render_scene(scene(seed=12), tmp_path)
    assert digest(tmp_path)["west.wav"] != digest(rendered)["west.wav"]
    assert [row["onset_s"] for row in rows(tmp_path, "events.csv")] == [
        row["onset_s"] for row in rows(rendered, "events.csv")
    ]


def test_adding_a_source_changes_no_other() -> None:
    more = scene(sources=[*TOWN["sources"], {"kind": "hammer", "time_s": 2.5, "at": [0.0, 0.0, 1.0]}])  # type: ignore[misc]  # a list
    before, after = (list(heard_sounds(town, town.sensors[0])) for town in (scene(), more))
    for one, other in zip(before, after, strict=False):
        assert np.array_equal(one.sound.pressure_pa, other.sound.pressure_pa)


def test_files_are_as_long_and_fast_as_told(rendered: Path) -> None:
    for name, rate_hz in (("west.wav", 16_000), ("east.wav", 12_000)):
        info = soundfile.info(rendered / name)
        assert (info.samplerate, info.frames, info.channels) == (rate_hz, 3 * rate_hz, 1)


def test_arrivals_are_emission_plus_distance_over_the_speed_of_sound(rendered: Path) -> None:
    town, truth = scene(), json.loads((rendered / "truth.json").read_text())
    for event in truth["events"]:
        for path, utc_ns in event["heard"].items():
            node = next(node for node in town.sensors if node.name == Path(path).stem)
            distance_m = math.dist(event["at_m"], node.metres(town.origin))
            assert (utc_ns - event["utc_ns"]) * 1e-9 == pytest.approx(
                distance_m / town.air.sound_speed_m_s, abs=1e-6
            )


def test_a_wrong_clock_shows_in_the_labels_and_the_manifest_and_not_in_the_truth(rendered: Path) -> None:
    """East runs 100 ppm fast, so its seconds are longer, and takes the time to be 25 ms later than it is."""
    east = next(row for row in rows(rendered, "manifest.csv") if row["node"] == "east")
    assert east["start_utc"] == "2026-06-14T21:04:00.025000000Z"
    for row in rows(rendered, "events.csv"):
        if row["path"] == "east.wav":
            true_s = (int(row["utc_ns"]) - scene().start_utc_ns) * 1e-9
            assert float(row["onset_s"]) == pytest.approx(true_s * (1.0 + 100e-6), abs=1e-6)


def test_the_shock_wave_leads_where_geometry_says_and_only_there(rendered: Path) -> None:
    """East lies 11 degrees off the line of fire: the shock comes before the blast. West is behind."""
    heard = rows(rendered, "events.csv")
    shocks = [row for row in heard if row["kind"] == "shock"]
    assert {row["path"] for row in shocks} == {"east.wav"}
    blast_s = next(
        float(row["onset_s"]) for row in heard if row["path"] == "east.wav" and row["kind"] == "blast"
    )
    town = scene()
    speed = town.air.sound_speed_m_s
    way = np.subtract((150.0, 30.0, 9.0), (-60.0, 5.0, 1.5))
    line = np.array([math.sin(math.radians(80.0)), math.cos(math.radians(80.0)), 0.0])
    r, mach = float(np.linalg.norm(way)), 930.0 / speed
    off = math.acos(float(way @ line) / r)
    lead_s = r / speed - (
        r / 930.0 * math.cos(off) + r * math.sin(off) / speed * math.sqrt(1.0 - 1.0 / mach**2)
    )
    assert blast_s - float(shocks[0]["onset_s"]) == pytest.approx(lead_s, rel=2e-4)


def test_clipping_is_noted_where_the_rail_was_reached(rendered: Path) -> None:
    clipped = {(row["path"], row["kind"]): row["clipped"] for row in rows(rendered, "events.csv")}
    assert clipped["east.wav", "blast"] == "1"
    assert clipped["west.wav", "clap"] == "0"
    assert np.max(np.abs(soundfile.read(rendered / "east.wav")[0])) == pytest.approx(1.0, abs=1e-3)


def test_inaudible_sounds_are_marked_as_predicted_only(rendered: Path) -> None:
    """The clap reaches west from 5 m and east from 300 m, below the street."""
    claps = {row["path"]: row for row in rows(rendered, "events.csv") if row["kind"] == "clap"}
    assert claps["west.wav"]["truth_source"] == "simulated"
    assert claps["east.wav"]["truth_source"] == "predicted_only"


@pytest.mark.parametrize("arrival_s", [9.5, 9.95, 9.998, 10.2])
def test_clipping_is_seen_across_the_end_of_a_stretch(tmp_path: Path, arrival_s: float) -> None:
    """A door rings for some tenths of a second; its peak may lie in the next stretch."""
    door = {"kind": "door_slam", "time_s": arrival_s - 5.0 / 340.0, "at": [5.0, 0.0, 1.5]}
    quiet = scene(
        duration_s=12.0,
        background=None,
        sensors=[{"name": "a", "at": [0.0, 0.0, 1.5], "microphone": {"full_scale_db_spl": 94.0}}],
        sources=[door | {"received_db_spl": 100.0}],
    )
    render_scene(quiet, tmp_path)
    (row,) = rows(tmp_path, "events.csv")
    assert float(row["onset_s"]) == pytest.approx(arrival_s, abs=2e-3)
    assert row["clipped"] == "1"


@pytest.mark.parametrize(("level_db_spl", "audible"), [(0.0, "no"), (60.0, "yes")])
def test_without_a_street_the_microphones_own_noise_is_the_floor(
    tmp_path: Path, level_db_spl: float, audible: str
) -> None:
    """A microphone of 29 dB(A) does not hear a hammer that peaks at 0 dB SPL."""
    hammer = {"kind": "hammer", "time_s": 1.0, "at": [-140.0, 0.0, 9.0], "received_db_spl": level_db_spl}
    render_scene(scene(background=None, sources=[hammer], sensors=TOWN["sensors"][:1]), tmp_path)  # type: ignore[index]  # a list
    (row,) = rows(tmp_path, "events.csv")
    assert row["audible"] == audible
    assert float(row["peak_over_floor_db"]) < level_db_spl


def test_the_floor_is_that_of_the_stretch_of_the_arrival(tmp_path: Path) -> None:
    """A sound decided with the next stretch is still held to the street of its own."""

    def over_db(duration_s: float) -> float:
        clap = {"kind": "clap", "time_s": 9.95, "at": [-149.0, 5.0, 1.5]}
        town = scene(duration_s=duration_s, sources=[clap], sensors=TOWN["sensors"][:1])  # type: ignore[index]  # a list
        render_scene(town, tmp_path / str(duration_s))
        (row,) = rows(tmp_path / str(duration_s), "events.csv")
        return float(row["peak_over_floor_db"])

    assert over_db(20.0) == over_db(10.0)


def test_labels_have_the_columns_of_the_corpus(rendered: Path) -> None:
    header = (rendered / "events.csv").read_text().splitlines()[0]
    assert header.startswith(
        "path,onset_s,label,weapon,distance_m,shot,predicted_onset_s,truth_source,spl_db,peak_over_floor_db,clipped,audible"
    )
    assert (rendered / "files.csv").read_text().splitlines()[0] == (
        "path,label,source,licence,group,sample_rate_hz,seconds,note"
    )


def test_rounds_are_spaced_as_told() -> None:
    burst = scene(sources=[{**TOWN["sources"][0], "rounds": 5, "interval_s": 0.0667}])  # type: ignore[index]  # a list
    assert np.diff(emission_times_s(burst, 0)) == pytest.approx(0.0667)


def test_a_scene_without_background_or_sources_is_nearly_silent(tmp_path: Path) -> None:
    render_scene(scene(background=None, sources=[], sensors=TOWN["sensors"][:1]), tmp_path)  # type: ignore[index]  # a list
    samples, _ = soundfile.read(tmp_path / "west.wav")
    assert 0.0 < np.max(np.abs(samples)) < 1e-3


def test_times_are_written_to_the_nanosecond() -> None:
    assert iso_utc(1_781_471_040_000_000_001) == "2026-06-14T21:04:00.000000001Z"


def test_a_wished_level_is_heard_at_the_first_sensor_and_follows_from_there() -> None:
    wished = scene(
        sources=[
            {"kind": "hammer", "time_s": 1.0, "at": [-120.0, 0.0, 1.0], "received_db_spl": 80.0, "rounds": 2}
        ]
    )
    near, far = (
        [
            20.0 * math.log10(float(np.max(np.abs(heard.sound.pressure_pa))) / 20e-6)
            for heard in heard_sounds(wished, node)
        ]
        for node in wished.sensors
    )
    assert near[0] == pytest.approx(80.0, abs=0.1)
    assert 10.0 < near[0] - far[0] < 40.0


def test_a_folder_that_takes_nothing_is_an_ordinary_error(tmp_path: Path) -> None:
    (tmp_path / "west.wav").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"west\.wav"):
        render_scene(scene(), tmp_path)

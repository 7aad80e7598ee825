"""Which sounds of a scene reach which sensor, when and how loud: the ground truth before any noise."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.physics import REFERENCE_PRESSURE_PA, ratio_from_db
from sensor.sim.blasts import WEAPONS, Weapon, bullet_shock, muzzle_blast
from sensor.sim.propagate import Carried, Path, directivity_db, oversampling, weak_shock_gain
from sensor.sim.scene import Node, Scene, Sound
from sensor.sim.sources import SOUND_KINDS, render_sound
from sensor.sim.spectra import Pressure

BULLET_RANGE_M = 300.0
"""How far a bullet is taken to fly before it meets something; its shock wave ends there."""


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays do not compare to one truth value
class HeardSound:
    """One sound at one sensor."""

    source: int
    """Index of the source in the scene."""
    shot: int
    """Round of that source, from 0."""
    part: str
    """``blast``, ``shock`` (the bullet's) or the kind of sound."""
    label: str
    arrival_s: float
    """Scene second of the first arrival."""
    arrival: float
    """The same as the node's fractional sample index."""
    distance_m: float
    sound: Carried


def emission_times_s(scene: Scene, index: int) -> list[float]:
    """When each round of a source leaves it, scene seconds."""
    source = scene.sources[index]
    random = _generator(scene, "times", index)
    times, now_s = [], source.time_s
    for _ in range(source.rounds):
        times.append(now_s)
        jitter_s = source.jitter_ms * 1e-3 * float(random.standard_normal())
        now_s += max(5e-3, source.interval_s + jitter_s)
    return times


def sample_index(node: Node, scene_s: float) -> float:
    """The node's fractional sample index at a scene second; its first sample is taken at second 0."""
    return scene_s * node.rate_hz * (1.0 + node.clock.rate_ppm * 1e-6)


def heard_sounds(scene: Scene, node: Node) -> Iterator[HeardSound]:
    """Every sound of the scene at one node, source by source."""
    for index in range(len(scene.sources)):
        yield from _of_source(scene, node, index)


def _generator(scene: Scene, purpose: str, *which: object) -> np.random.Generator:
    """A random generator of its own for each purpose, so that adding a source changes no other."""
    text = "/".join(str(part) for part in which)
    return np.random.default_rng((scene.seed, zlib.crc32(purpose.encode()), zlib.crc32(text.encode())))


def _of_source(scene: Scene, node: Node, index: int) -> Iterator[HeardSound]:
    source = scene.sources[index]
    synthesis_hz = float(node.rate_hz * oversampling(node.rate_hz))
    at = np.array(source.metres(scene.origin))
    there = np.array(node.metres(scene.origin))
    times_s = emission_times_s(scene, index)
    sounds = [_render(scene, index, shot, synthesis_hz) for shot in range(source.rounds)]
    path = _path(scene, node, source, at, sounds)
    weapon = WEAPONS[source.weapon] if source.weapon else None
    gain = _gain(source, weapon, at, there) * _level(scene, index, at, weapon)
    label = "gunshot" if weapon else SOUND_KINDS[source.kind].label
    for shot, (emitted_s, sound) in enumerate(zip(times_s, sounds, strict=True)):
        arrival_s = emitted_s + path.travel_s
        arrival = sample_index(node, arrival_s)
        yield HeardSound(
            source=index,
            shot=shot,
            part="blast" if weapon else source.kind,
            label=label,
            arrival_s=arrival_s,
            arrival=arrival,
            distance_m=path.distance_m,
            sound=path.carry(sound, arrival, gain),
        )
    if weapon and source.azimuth_deg is not None:
        yield from _shocks(scene, node, index, weapon, times_s)


def _render(scene: Scene, index: int, shot: int, synthesis_hz: float) -> Pressure:
    """The sound of one round at 1 m; the same for every sensor of the same rate."""
    source = scene.sources[index]
    random = _generator(scene, "sound", index, shot)
    if source.weapon is None:
        return render_sound(source.kind, random, synthesis_hz, source.peak_db_spl)
    weapon = WEAPONS[source.weapon]
    blast = muzzle_blast(random, synthesis_hz, weapon)
    if source.peak_db_spl is not None:
        blast = blast * ratio_from_db(source.peak_db_spl - weapon.peak_db_spl)
    return blast


def _path(scene: Scene, node: Node, source: Sound, at: NDArray[np.float64], sounds: list[Pressure]) -> Path:
    """The way from ``at`` to the node: the same echoes for every sound from the same place."""
    synthesis_hz = node.rate_hz * oversampling(node.rate_hz)
    place = "/".join(f"{value:.2f}" for value in at)
    return Path(
        _generator(scene, "path", node.name, place),
        node.rate_hz,
        at,
        np.array(node.metres(scene.origin)),
        scene.air,
        source.surroundings or scene.surroundings,
        max(sound.size for sound in sounds) / synthesis_hz,
    )


def _gain(source: Sound, weapon: Weapon | None, at: NDArray[np.float64], there: NDArray[np.float64]) -> float:
    """What a gunshot's direction and its shock front's losses do to its level."""
    if weapon is None:
        return 1.0
    way = there - at
    distance_m = float(np.linalg.norm(way))
    gain = weak_shock_gain(distance_m)
    if source.azimuth_deg is not None and distance_m > 0.0:
        cosine = float(way @ _direction(source.azimuth_deg)) / distance_m
        gain *= ratio_from_db(
            directivity_db(weapon.front_db, weapon.back_db, math.acos(np.clip(cosine, -1.0, 1.0)))
        )
    return gain


def _level(scene: Scene, index: int, at: NDArray[np.float64], weapon: Weapon | None) -> float:
    """By how much the source must be louder for its first round to peak as wished at the first sensor."""
    source = scene.sources[index]
    if source.received_db_spl is None:
        return 1.0
    first = scene.sensors[0]
    there = np.array(first.metres(scene.origin))
    sound = _render(scene, index, 0, float(first.rate_hz * oversampling(first.rate_hz)))
    heard = _path(scene, first, source, at, [sound]).carry(sound, 0.0, _gain(source, weapon, at, there))
    wanted_pa = REFERENCE_PRESSURE_PA * ratio_from_db(source.received_db_spl)
    return wanted_pa / float(np.max(np.abs(heard.pressure_pa)))


def _direction(azimuth_deg: float) -> NDArray[np.float64]:
    """Unit vector of a level line of fire."""
    azimuth = math.radians(azimuth_deg)
    return np.array([math.sin(azimuth), math.cos(azimuth), 0.0])


def _shocks(
    scene: Scene, node: Node, index: int, weapon: Weapon, times_s: list[float]
) -> Iterator[HeardSound]:
    """The bullet's shock wave where it reaches the node: shed at Mach angle from the line of fire.

    The ray leaves at ``x - b tan(theta)`` along the line, b being the miss distance and sin(theta) = 1/M.
    """
    source = scene.sources[index]
    speed_m_s = scene.air.sound_speed_m_s
    mach = weapon.muzzle_velocity_m_s / speed_m_s
    if mach <= 1.0 or source.azimuth_deg is None:
        return
    at, there = np.array(source.metres(scene.origin)), np.array(node.metres(scene.origin))
    line = _direction(source.azimuth_deg)
    along_m = float((there - at) @ line)
    miss_m = max(1.0, float(np.linalg.norm(there - at - along_m * line)))
    mach_angle = math.asin(1.0 / mach)
    shed_m = along_m - miss_m * math.tan(mach_angle)
    if not 0.0 <= shed_m <= BULLET_RANGE_M:
        return
    synthesis_hz = float(node.rate_hz * oversampling(node.rate_hz))
    wave, _ = bullet_shock(synthesis_hz, weapon, speed_m_s, miss_m)
    path = _path(scene, node, source, at + shed_m * line, [wave])
    for shot, fired_s in enumerate(times_s):
        arrival_s = fired_s + shed_m / weapon.muzzle_velocity_m_s + path.travel_s
        arrival = sample_index(node, arrival_s)
        yield HeardSound(
            source=index,
            shot=shot,
            part="shock",
            label="shock_wave",
            arrival_s=arrival_s,
            arrival=arrival,
            distance_m=path.distance_m,
            # Whitham's pressure holds at the miss distance, so the path's 1/r is taken back.
            sound=path.carry(wave, arrival, max(1.0, path.distance_m)),
        )

"""Simulated streets to learn from: shots, and what is taken for shots, through the simulator's own streets.

The corpus has no nail gun, pallet, hammer or balloon, and no shot but of pistols at night and at ranges. Here
both sides pass through the same propagation, reverberation, background and microphones (``sensor.sim``).
Never used to judge; the day that false candidates are counted on (``sensor.sim.day``) has seeds of its own.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sensor.classify.training.corpus import Label, Recording, Round
from sensor.sim.background import Street
from sensor.sim.blasts import WEAPONS
from sensor.sim.day import CADENCES, MICROPHONES
from sensor.sim.likeness import STREET_MICROPHONE
from sensor.sim.render import recording_of, stretches
from sensor.sim.reverberation import draw_surroundings
from sensor.sim.scene import Node, Scene, Sound

SECONDS = 40.0
SOURCES = 10
RATES_HZ = (8_000, 12_000, 12_000, 16_000, 24_000)
_FIREWORKS = ("firecracker", "salute", "aerial_shell")
_OTHERS = tuple(kind for kind in CADENCES if kind not in (*_FIREWORKS, "thunder"))
_FIRST_S, _GAP_S = 2.0, 3.5
"""The first source and the time between sources: but for the longest bursts, a shot's window ends before the
next begins."""


def recording(number: int) -> tuple[Recording, NDArray[np.float64], float]:
    """The ``number``-th street, its samples and their rate.

    Of five streets two have shots, two have impulses, one has fireworks.
    """
    rng = np.random.default_rng([20181218, 11, number])
    name, label, draw = (
        ("shots", Label.GUNSHOT, _shots),
        ("impulses", Label.OTHER_IMPULSE, _impulses),
        ("shots", Label.GUNSHOT, _shots),
        ("impulses", Label.OTHER_IMPULSE, _impulses),
        ("fireworks", Label.FIREWORK, _fireworks),
    )[number % 5]
    sources = tuple(draw(rng, _FIRST_S + _GAP_S * index) for index in range(SOURCES))
    scene = Scene(
        name=f"{name}-{number}",
        seed=int(rng.integers(2**31)),
        duration_s=SECONDS,
        background=Street(level_dba=float(rng.uniform(42.0, 65.0)), passes_per_h=float(rng.uniform(0, 400))),
        sensors=(_sensor(rng),),
        sources=sources,
    )
    made = recording_of(scene, scene.sensors[0])
    wave = np.concatenate([samples for _, _, samples in stretches(scene, made)]).astype(np.float64)
    arrivals = sorted(sound.arrival / made.rate_hz for sound in made.sounds) if label == Label.GUNSHOT else []
    rounds = tuple(Round(onset_s, index, counts=True) for index, onset_s in enumerate(arrivals))
    path = f"simulated/{name}_{number:05d}"
    return Recording(path, label, name, "simulated", -1, made.rate_hz, rounds), wave, float(made.rate_hz)


def _sensor(rng: np.random.Generator) -> Node:
    microphones = (*MICROPHONES, STREET_MICROPHONE)
    return Node(
        name="roof",
        at=(0.0, 0.0, float(rng.uniform(3.0, 15.0))),
        rate_hz=int(rng.choice(RATES_HZ)),
        microphone=microphones[int(rng.integers(len(microphones)))],
    )


def _shots(rng: np.random.Generator, time_s: float) -> Sound:
    """One to eight rounds of any weapon, aimed or not."""
    rounds = 1 if rng.random() < 0.4 else int(rng.integers(2, 9))
    interval_s = math.exp(rng.uniform(math.log(0.05), math.log(0.3)))
    return Sound(
        kind="gunshot",
        weapon=str(rng.choice(sorted(WEAPONS))),
        azimuth_deg=float(rng.uniform(0.0, 360.0)) if rng.random() < 0.5 else None,
        time_s=time_s,
        at=_place(rng, 20.0, 700.0),
        rounds=rounds,
        interval_s=interval_s,
        jitter_ms=1e3 * interval_s * float(rng.uniform(0.0, 0.15)),
        surroundings=draw_surroundings(rng),
    )


def _impulses(rng: np.random.Generator, time_s: float) -> Sound:
    return _confuser(rng, str(rng.choice(_OTHERS)), time_s)


def _fireworks(rng: np.random.Generator, time_s: float) -> Sound:
    return _confuser(rng, str(rng.choice(_FIREWORKS)), time_s)


def _confuser(rng: np.random.Generator, kind: str, time_s: float) -> Sound:
    fewest, most, shortest_s, longest_s = CADENCES[kind]
    interval_s = float(rng.uniform(shortest_s, longest_s))
    return Sound(
        kind=kind,
        time_s=time_s,
        at=_place(rng, 8.0, 300.0),
        rounds=int(rng.integers(fewest, most + 1)),
        interval_s=interval_s,
        jitter_ms=min(900.0, 1e3 * interval_s * float(rng.uniform(0.0, 0.3))),
        received_db_spl=float(rng.uniform(62.0, 104.0)),
        surroundings=draw_surroundings(rng),
    )


def _place(rng: np.random.Generator, nearest_m: float, farthest_m: float) -> tuple[float, float, float]:
    distance_m = math.exp(rng.uniform(math.log(nearest_m), math.log(farthest_m)))
    azimuth = rng.uniform(0.0, 2.0 * math.pi)
    return distance_m * math.sin(azimuth), distance_m * math.cos(azimuth), 1.5

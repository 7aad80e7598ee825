"""A seeded day on a street where nobody shoots: hours full of everything that could be taken for a shot.

For counting false candidates. Every hour is a scene of its own with one sensor; what is heard peaks at 60
to 100 dB SPL at the microphone, the background moves between 50 and 65 dB(A) with the time of day.
"""

from __future__ import annotations

import math

import numpy as np

from sensor.sim.background import Street
from sensor.sim.microphone import Microphone
from sensor.sim.reverberation import draw_surroundings
from sensor.sim.scene import Node, Scene, Sound

DAY_SEED = 20_270_101
"""The day that figures in the documents are counted on; fixed before anything was tuned on it."""
IMPULSES_PER_H = 220
LOWEST_DB_SPL, HIGHEST_DB_SPL = 60.0, 100.0

CADENCES: dict[str, tuple[int, int, float, float]] = {
    # kind: rounds from .. to, interval from .. to in seconds
    "door_slam": (1, 2, 0.8, 3.0),
    "hammer": (2, 9, 0.4, 1.2),
    "nail_gun": (1, 6, 0.5, 3.0),
    "pallet_drop": (1, 1, 1.0, 1.0),
    "dumpster_lid": (1, 2, 1.0, 3.0),
    "jackhammer": (1, 2, 5.0, 9.0),
    "clap": (1, 12, 0.2, 0.6),
    "dog_bark": (1, 8, 0.3, 1.2),
    "balloon_pop": (1, 1, 1.0, 1.0),
    "backfire": (1, 3, 0.3, 2.0),
    "firecracker": (1, 16, 0.03, 0.25),
    "salute": (1, 2, 1.0, 4.0),
    "aerial_shell": (1, 4, 0.8, 3.0),
    "thunder": (1, 1, 1.0, 1.0),
}
"""Every kind that is no gunshot, with the rhythm in which it usually comes."""

MICROPHONES = (
    Microphone(),
    Microphone(full_scale_db_spl=94.0, low_hz=120.0),
    Microphone(full_scale_db_spl=110.0, noise_dba=33.0, low_hz=80.0, high_hz=11_000.0),
)


def hour_scene(
    hour: int,
    *,
    seed: int = DAY_SEED,
    rate_hz: int = 48_000,
    impulses: int = IMPULSES_PER_H,
    seconds: float = 3600.0,
) -> Scene:
    """One hour of the day as a scene; ``impulses`` rounds at least, all kinds alike.

    Args:
        hour: 0 to 23, of the day.
        seed: of the whole day.
        rate_hz: of the sensor.
        impulses: rounds in the scene, at least.
        seconds: length of the scene; shorter for a try.
    """
    random = np.random.default_rng((seed, hour))
    sources: list[Sound] = []
    rounds = 0
    kinds = list(CADENCES)
    while rounds < impulses:
        if len(sources) % len(kinds) == 0:
            random.shuffle(kinds)  # every kind equally often, in another order each time
        source = _draw_sound(random, kinds[len(sources) % len(kinds)], seconds)
        sources.append(source)
        rounds += source.rounds
    return Scene(
        name=f"day-{seed}-hour-{hour:02d}",
        seed=seed + 1 + hour,
        duration_s=seconds,
        background=_street(random, hour),
        sensors=(
            Node(
                name="roof",
                at=(0.0, 0.0, 10.0),
                rate_hz=rate_hz,
                microphone=MICROPHONES[hour % len(MICROPHONES)],
            ),
        ),
        sources=tuple(sources),
        format="flac",
    )


def _draw_sound(random: np.random.Generator, kind: str, seconds: float) -> Sound:
    """One source, its rhythm, its place and its level at the microphone."""
    fewest, most, shortest_s, longest_s = CADENCES[kind]
    rounds = int(random.integers(fewest, most + 1))
    interval_s = float(random.uniform(shortest_s, longest_s))
    distance_m = math.exp(random.uniform(math.log(8.0), math.log(300.0)))
    azimuth = random.uniform(0.0, 2.0 * math.pi)
    height_m = float(random.uniform(60.0, 150.0)) if kind in ("aerial_shell", "thunder") else 1.0
    latest_s = max(0.0, seconds - rounds * interval_s - 1.0)
    return Sound(
        kind=kind,
        time_s=float(random.uniform(0.0, latest_s)),
        at=(distance_m * math.sin(azimuth), distance_m * math.cos(azimuth), height_m),
        rounds=rounds,
        interval_s=interval_s,
        jitter_ms=min(900.0, 1e3 * interval_s * float(random.uniform(0.0, 0.3))),
        received_db_spl=float(random.uniform(LOWEST_DB_SPL, HIGHEST_DB_SPL)),
        surroundings=draw_surroundings(random),
    )


def _street(random: np.random.Generator, hour: int) -> Street:
    """Background by the time of day: quietest at four in the morning, loudest at four in the afternoon."""
    bustle = 0.5 - 0.5 * math.cos(2.0 * math.pi * (hour - 4) / 24.0)
    dawn = math.exp(-(((hour - 6) / 2.0) ** 2))
    return Street(
        level_dba=float(np.clip(51.0 + 13.0 * bustle + random.normal(0.0, 0.7), 50.0, 65.0)),
        passes_per_h=30.0 + 400.0 * bustle,
        pass_dba=66.0 + float(random.uniform(-3.0, 3.0)),
        birds_per_h=60.0 + 900.0 * dawn,
        wind_db=float(random.uniform(45.0, 75.0)),
    )

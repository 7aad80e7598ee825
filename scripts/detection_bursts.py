"""Automatic fire for scoring a detector: laid together from real rounds, and simulated."""

from __future__ import annotations

import collections

import numpy as np
from detection_scoring import (  # type: ignore[import-not-found]  # beside this script
    Recording,
    detect,
    match,
)
from numpy.typing import NDArray

from sensor.detect.settings import DetectSettings
from sensor.sim.render import recording_of, stretches
from sensor.sim.scene import Scene
from sensor.types import Trigger

BURST_INTERVALS_MS = (50, 60, 70, 85, 100, 130)
BURST_ROUNDS = 4
CLOSE = 0.4
"""Share of the interval within which a trigger counts for its round: at 50 ms the usual tolerance would let
the neighbour's do."""

Table = dict[str, tuple[int, int]]
"""What -> rounds found, rounds."""


def burst_score(recordings: list[Recording], settings: DetectSettings) -> Table:
    """Recall on automatic fire made from real single rounds, by position and interval.

    The first second of each counted, isolated round is laid over itself four times at the interval, each time
    at a level of its own (standard deviation 2 dB), and clipped as the sensor clips.
    """
    rng = np.random.default_rng(3)
    table: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    for rec in recordings:
        if rec.onsets_s.size != 1 or not rec.counted[0]:
            continue
        if not match(rec.onsets_s, np.array([t.onset / rec.rate_hz for t in rec.triggers])):
            continue  # a round too weak to find alone says nothing about bursts
        start = round((rec.onsets_s[0] - 0.015) * rec.rate_hz)
        piece = rec.audio[start : start + rec.rate_hz]
        rail = max(float(np.abs(rec.audio).max()), 0.9)
        for interval_ms in BURST_INTERVALS_MS:
            audio = rec.audio.copy()
            shift = round(interval_ms * 1e-3 * rec.rate_hz)
            for k in range(1, BURST_ROUNDS):
                gain = np.float32(10 ** (rng.normal(0.0, 2.0) / 20))
                there = audio[start + k * shift : start + k * shift + piece.size]
                there += gain * piece[: there.size]
            np.clip(audio, -rail, rail, out=audio)
            onsets = rec.onsets_s[0] + np.arange(BURST_ROUNDS) * shift / rec.rate_hz
            found = _found(audio, rec.rate_hz, onsets, np.full(BURST_ROUNDS, interval_ms), settings)
            for key in (rec.group, f"{interval_ms} ms"):
                table[key][0] += int(found.sum())
                table[key][1] += BURST_ROUNDS
    return {
        key: (hits, n) for key, (hits, n) in sorted(table.items(), key=lambda item: (len(item[0]), item[0]))
    }


def _found(
    audio: NDArray[np.float32],
    rate_hz: int,
    onsets_s: NDArray[np.float64],
    interval_ms: NDArray[np.int64],
    settings: DetectSettings,
) -> NDArray[np.bool_]:
    """Which of the rounds have a trigger of their own close by."""
    out = detect(audio, rate_hz, settings)
    found_s = np.array([item.onset / rate_hz for item in out if isinstance(item, Trigger)])
    pairs = match(onsets_s, found_s)
    return np.array(
        [
            n in pairs and abs(onset - found_s[pairs[n]]) <= CLOSE * 1e-3 * interval_ms[n]
            for n, onset in enumerate(onsets_s)
        ]
    )


def simulated_bursts(settings: DetectSettings) -> Table:
    """Recall in a simulated street: eight rounds at each interval, three distances, two weapons."""
    cases = [(ms, weapon) for ms in BURST_INTERVALS_MS for weapon in ("9mm", "45acp")]
    sources = [
        {
            "kind": "gunshot", "weapon": weapon, "time_s": 2.0 + 3.0 * n, "at": [0.0, 0.0, 1.5],
            "rounds": 8, "interval_s": ms * 1e-3, "jitter_ms": 1.5,
        }
        for n, (ms, weapon) in enumerate(cases)
    ]  # fmt: skip
    scene = Scene.model_validate(
        {
            "name": "bursts",
            "seed": 11,
            "duration_s": 4.0 + 3.0 * len(cases),
            "surroundings": {
                "detour_m": 0.8, "excess_db": 2.0, "reverberation_db": -14.0, "reverberation_time_s": 1.0,
            },
            "background": {"level_dba": 50.0, "passes_per_h": 0.0},
            "sensors": [
                {"name": f"m{d}", "at": [float(d), 0.0, 9.0], "rate_hz": 16_000} for d in (60, 150, 300)
            ],
            "sources": sources,
        }
    )  # fmt: skip
    table: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    for node in scene.sensors:
        recording = recording_of(scene, node)
        audio = np.concatenate([samples for _, _, samples in stretches(scene, recording)])
        blasts = [sound for sound in recording.sounds if sound.part == "blast"]
        onsets = np.array([sound.arrival / recording.rate_hz for sound in blasts])
        interval_ms = np.array([cases[sound.source][0] for sound in blasts])
        found = _found(audio, recording.rate_hz, onsets, interval_ms, settings)
        for hit, ms in zip(found, interval_ms, strict=True):
            for key in (f"{ms} ms", f"{node.name[1:]} m"):
                table[key][0] += int(hit)
                table[key][1] += 1
    return {
        key: (hits, n) for key, (hits, n) in sorted(table.items(), key=lambda item: (len(item[0]), item[0]))
    }

"""Automatic fire for scoring a detector: laid together from real rounds, and simulated."""

from __future__ import annotations

import collections
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scripts.detection_scoring import (
    Answers,
    Take,
    detect,
    match,
    run,
    score,
)
from sensor.detect.settings import DetectSettings
from sensor.sim.render import recording_of, stretches
from sensor.sim.scene import Scene
from sensor.types import Trigger

BURST_INTERVALS_MS = (50, 60, 70, 85, 100, 130)
BURST_ROUNDS = 4
LEAD_S = 0.015
"""Sound before its listed onset that goes with a round."""
LIKENESSES = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
MORE_TRIGGERS = 1.03
CLOSE = 0.4
"""Share of the interval within which a trigger counts for its round: at 50 ms the usual tolerance would let
the neighbour's do."""

Table = dict[str, tuple[int, int]]
"""What -> rounds found, rounds."""


def burst_score(takes: list[Take], heard: Answers, settings: DetectSettings) -> Table:
    """Recall on automatic fire made from real single rounds, by position and interval.

    The first second of each counted, isolated round is laid over itself four times at the interval, each time
    at a level of its own (standard deviation 2 dB), and clipped as the sensor clips.
    """
    rng = np.random.default_rng(3)
    table: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    for rec in takes:
        if rec.onsets_s.size != 1 or not rec.counted[0]:
            continue
        if not match(rec.onsets_s, rec.found_s(heard)):
            continue  # a round too weak to find alone says nothing about bursts
        start = round((rec.onsets_s[0] - LEAD_S) * rec.rate_hz)
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
    return _sorted(table)


def different_rounds(takes: list[Take], heard: Answers, settings: DetectSettings) -> Table:
    """Recall of the second and third round of bursts of three different real rounds.

    Where a sensor heard all three rounds of a test alone, what it heard from each round to the next is laid
    over the first at the interval (jitter 1.5 ms), the later ones at a level of their own (standard deviation
    2 dB), and clipped as the sensor clips. Unlike ``burst_score`` no waveform comes twice.
    """
    rng = np.random.default_rng(5)
    table: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    for rec in takes:
        pairs = match(rec.onsets_s, rec.found_s(heard))
        if rec.onsets_s.size != 3 or not rec.counted.all() or len(pairs) != 3:
            continue
        for interval_ms in BURST_INTERVALS_MS:
            audio, onsets = _laid_together(rec, interval_ms, rng)
            found = _found(audio, rec.rate_hz, onsets, np.full(onsets.size, interval_ms), settings)
            for key in (rec.group, f"{interval_ms} ms", "all"):
                table[key][0] += int(found[1:].sum())
                table[key][1] += found.size - 1
    return _sorted(table)


def _sorted(table: dict[str, list[int]]) -> Table:
    """The counts in order of their names, the short ones first."""
    return {
        key: (hits, n) for key, (hits, n) in sorted(table.items(), key=lambda item: (len(item[0]), item[0]))
    }


def _laid_together(
    rec: Take, interval_ms: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The rounds of a recording at another interval, on the background before them; onsets, seconds."""
    rate_hz = rec.rate_hz
    starts = np.round((np.sort(rec.onsets_s) - LEAD_S) * rate_hz).astype(int)
    before = rec.audio[max(0, starts[0] - 2 * rate_hz) : starts[0]]
    audio = np.pad(before, (0, round(2.5 * rate_hz)), mode="reflect")
    fade = np.linspace(1.0, 0.0, round(0.01 * rate_hz), dtype=np.float32)
    onsets = []
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < starts.size else start + rate_hz
        piece = rec.audio[start:end].copy()
        piece[-fade.size :] *= fade
        at = before.size
        if number:
            piece *= np.float32(10 ** (rng.normal(0.0, 2.0) / 20))
            at += round((number * interval_ms * 1e-3 + rng.normal(0.0, 1.5e-3)) * rate_hz)
        else:
            audio[at : at + piece.size] = 0.0  # the piece brings its own background
        audio[at : at + piece.size] += piece
        onsets.append(at / rate_hz + LEAD_S)
    rail = max(float(np.abs(rec.audio).max()), 0.9)
    return np.clip(audio, -rail, rail), np.array(onsets)


def likeness_elsewhere(
    takes: list[Take], heard: Answers, settings: DetectSettings
) -> dict[str, tuple[float, int, int]]:
    """Leave one position out: the likeness chosen on the others, then rounds found and rounds on this one.

    Chosen is the least that makes at most ``MORE_TRIGGERS`` times the triggers in windows that there are
    without repeats.
    """
    tables, counts = {}, {}
    groups = sorted({rec.group for rec in takes})
    for likeness in (*LIKENESSES, 1.0):
        trial = replace(settings, repeat_likeness=likeness)
        tables[likeness] = different_rounds(takes, heard, trial)
        again = run(takes, trial)
        counts[likeness] = {
            g: score([rec for rec in takes if rec.group == g], again).in_windows for g in groups
        }
    out = {}
    for group in groups:
        triggers = {x: sum(n for g, n in counts[x].items() if g != group) for x in counts}
        chosen = min((x for x in LIKENESSES if triggers[x] <= MORE_TRIGGERS * triggers[1.0]), default=1.0)
        out[group] = (chosen, *tables[chosen][group])
    return out


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
    return _sorted(table)

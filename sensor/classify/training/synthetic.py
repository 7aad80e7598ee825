"""Parametric sources: sounds the corpus has too few of, and bursts it has none of.

Engineering models, not recordings: they widen what the classifier has met and are never used to judge it.
Blast: Friedlander's pulse; ballistic wave: an N; ringing bodies: damped modes; exhausts: shaped noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sensor.classify.training.corpus import Label, Recording, Round

RATE_HZ = 24_000.0
SECONDS = 4.0
_FIRST_S = 0.8
_OVERSAMPLE = 4
"""Pulses are made at this multiple of the rate and averaged down, so that their front has no fixed phase."""

Wave = NDArray[np.float64]


def blast(positive_s: float, decay: float = 1.0) -> Wave:
    """Friedlander's pulse (1 - t/T) exp(-b t/T), peak 1, at ``RATE_HZ``."""
    time = np.arange(int(12.0 * positive_s * RATE_HZ) * _OVERSAMPLE + _OVERSAMPLE) / (RATE_HZ * _OVERSAMPLE)
    pulse = (1.0 - time / positive_s) * np.exp(-decay * time / positive_s)
    return pulse[: pulse.size // _OVERSAMPLE * _OVERSAMPLE].reshape(-1, _OVERSAMPLE).mean(axis=1)


def modes(rng: np.random.Generator, low_hz: float, high_hz: float, decay_s: float, count: int) -> Wave:
    """Sum of ``count`` damped sines, struck at once: a door, a plate, a pallet."""
    time = np.arange(int(6.0 * decay_s * RATE_HZ)) / RATE_HZ
    frequency = np.exp(rng.uniform(np.log(low_hz), np.log(high_hz), count))[:, None]
    decay = decay_s * rng.uniform(0.3, 1.0, count)[:, None]
    sines = np.sin(2.0 * np.pi * frequency * time + rng.uniform(0, 2 * np.pi, count)[:, None])
    out: Wave = (rng.uniform(0.2, 1.0, count)[:, None] * np.exp(-time / decay) * sines).sum(axis=0)
    return out / np.abs(out).max()


def hiss(rng: np.random.Generator, rise_s: float, decay_s: float, slope: float) -> Wave:
    """Noise burst with power falling as 1 / f^slope."""
    time = np.arange(int((rise_s + 6.0 * decay_s) * RATE_HZ) + 8) / RATE_HZ
    spectrum = np.fft.rfft(rng.standard_normal(time.size))
    spectrum[1:] /= np.arange(1, spectrum.size) ** (slope / 2.0)
    envelope = np.minimum(1.0, time / max(rise_s, 1e-5)) * np.exp(-np.maximum(0.0, time - rise_s) / decay_s)
    out = np.fft.irfft(spectrum, time.size) * envelope
    return out / np.abs(out).max()


def _place(stage: Wave, sound: Wave, at_s: float, gain: float = 1.0) -> None:
    first = int(at_s * RATE_HZ)
    part = sound[: max(0, stage.size - first)]
    stage[first : first + part.size] += gain * part


def _times(rng: np.random.Generator, count: int, low_s: float, high_s: float, jitter: float) -> list[float]:
    step = float(np.exp(rng.uniform(np.log(low_s), np.log(high_s))))
    steps = step * np.exp(jitter * rng.standard_normal(count - 1))
    times = _FIRST_S + np.concatenate(([0.0], np.cumsum(steps)))
    return [float(t) for t in times if t < SECONDS - 0.5]


def shots(rng: np.random.Generator) -> tuple[Wave, list[float]]:
    """One to eight rounds; a rifle's bullet may precede its blast. Listed is each first arrival."""
    stage = np.zeros(int(SECONDS * RATE_HZ))
    positive_s, decay = (
        float(np.exp(rng.uniform(np.log(0.0002), np.log(0.0012)))),
        float(rng.uniform(0.7, 1.6)),
    )
    ground_s, ground = float(rng.uniform(0.0001, 0.004)), float(rng.uniform(0.0, 0.9))
    lead_s = float(rng.uniform(0.002, 0.03)) if rng.random() < 0.2 else 0.0
    count = 1 if rng.random() < 0.5 else int(rng.integers(2, 9))
    times = _times(rng, count, 0.05, 0.9, 0.03)
    for at in times:
        gain = float(rng.uniform(0.8, 1.0))
        if lead_s > 0.0:
            width = max(2, int(rng.uniform(0.0002, 0.0005) * RATE_HZ))
            _place(stage, np.linspace(1.0, -1.0, width), at, gain * float(rng.uniform(0.3, 1.5)))
        _place(stage, blast(positive_s, decay), at + lead_s, gain)
        _place(stage, blast(positive_s * 1.1, decay), at + lead_s + ground_s, gain * ground)
    return stage, times


def _door(rng: np.random.Generator) -> Wave:
    return _mix(
        modes(rng, 40, 350, 0.05, 8), hiss(rng, rng.uniform(0.002, 0.01), 0.02, 1.5), rng.uniform(0.1, 1.0)
    )


def _nail_gun(rng: np.random.Generator) -> Wave:
    return _mix(
        modes(rng, 300, 4000, 0.006, 6), hiss(rng, 0.004, rng.uniform(0.01, 0.05), -0.5), rng.uniform(0.2, 1)
    )


def _metal(rng: np.random.Generator) -> Wave:
    return _mix(
        modes(rng, 200, 5000, rng.uniform(0.03, 0.4), 14), hiss(rng, 0.0005, 0.004, 0.5), rng.uniform(0, 1)
    )


def _wood(rng: np.random.Generator) -> Wave:
    return _mix(
        modes(rng, 120, 1500, rng.uniform(0.006, 0.03), 7), hiss(rng, 0.001, 0.006, 1.0), rng.uniform(0, 0.7)
    )


def _backfire(rng: np.random.Generator) -> Wave:
    ring = modes(rng, 80, 400, rng.uniform(0.015, 0.05), 2)
    return ring * np.minimum(1.0, np.arange(ring.size) / (rng.uniform(0.001, 0.006) * RATE_HZ))


def _thud(rng: np.random.Generator) -> Wave:
    return hiss(rng, rng.uniform(0.004, 0.03), rng.uniform(0.03, 0.2), rng.uniform(1.0, 3.0))


def _rattle(rng: np.random.Generator) -> Wave:
    return hiss(rng, rng.uniform(0.001, 0.01), rng.uniform(0.005, 0.03), rng.uniform(-1.0, 1.0))


def _mix(first: Wave, second: Wave, share: float) -> Wave:
    out = np.zeros(max(first.size, second.size))
    out[: first.size] += first
    out[: second.size] += share * second
    return out


_IMPULSES: tuple[Callable[[np.random.Generator], Wave], ...] = (
    _door,
    _nail_gun,
    _metal,
    _wood,
    _backfire,
    _thud,
    _rattle,
)


def impulses(rng: np.random.Generator) -> Wave:
    """A door, tool, plate or backfire: alone, bouncing ever faster, repeated, or hammering on."""
    stage = np.zeros(int(SECONDS * RATE_HZ))
    make = _IMPULSES[int(rng.integers(len(_IMPULSES)))]
    manner = rng.integers(4)
    if manner == 0:
        _place(stage, make(rng), _FIRST_S)
    elif manner == 1:
        at, step = _FIRST_S, float(rng.uniform(0.1, 0.4))
        for _ in range(8):
            _place(stage, make(rng), at, step)
            at, step = at + step, step * float(rng.uniform(0.5, 0.85))
    elif manner == 2:
        for at in _times(rng, 5, 0.2, 1.2, 0.3):
            _place(stage, make(rng), at, float(rng.uniform(0.3, 1.0)))
    else:
        sound = make(rng)
        for at in _times(rng, 40, 0.033, 0.12, 0.05):
            _place(stage, sound, at, float(rng.uniform(0.6, 1.0)))
    return stage


def fireworks(rng: np.random.Generator) -> Wave:
    """A string of crackers, or an aerial shell: thump, whistle, burst and crackle."""
    stage = np.zeros(int(SECONDS * RATE_HZ))
    if rng.random() < 0.5:
        at = _FIRST_S
        while at < SECONDS - 0.5:
            _place(stage, blast(float(rng.uniform(0.00015, 0.0005))), at, float(rng.uniform(0.2, 1.0)))
            at += float(rng.exponential(0.06)) + 0.004
        return stage
    _place(stage, blast(float(rng.uniform(0.002, 0.006))), _FIRST_S, float(rng.uniform(0.1, 0.6)))
    burst_s = _FIRST_S + float(rng.uniform(0.8, 1.6))
    if rng.random() < 0.5:
        time = np.arange(int((burst_s - _FIRST_S) * RATE_HZ)) / RATE_HZ
        sweep = np.sin(2.0 * np.pi * (rng.uniform(800, 3000) * time + rng.uniform(-400, 800) * time**2))
        _place(stage, sweep * np.minimum(1.0, time / 0.1), _FIRST_S, float(rng.uniform(0.02, 0.2)))
    _place(stage, blast(float(rng.uniform(0.001, 0.005))), burst_s)
    for _ in range(int(rng.integers(0, 150))):
        at = burst_s + 0.1 + float(rng.exponential(0.5))
        if at < SECONDS - 0.1:
            _place(stage, blast(float(rng.uniform(0.0001, 0.0004))), at, float(rng.uniform(0.02, 0.3)))
    return stage


def recording(number: int) -> tuple[Recording, Wave]:
    """The ``number``-th synthetic recording: half shots, a third impulses, a sixth fireworks."""
    rng = np.random.default_rng([20181218, number])
    kind = number % 6
    rounds: tuple[Round, ...] = ()
    if kind < 3:
        wave, times = shots(rng)
        rounds = tuple(Round(t, index, counts=True) for index, t in enumerate(times))
        label, name = Label.GUNSHOT, "shot"
    elif kind < 5:
        wave, label, name = impulses(rng), Label.OTHER_IMPULSE, "impulse"
    else:
        wave, label, name = fireworks(rng), Label.FIREWORK, "firework"
    return Recording(f"synthetic/{name}_{number:05d}", label, name, "synthetic", -1, RATE_HZ, rounds), wave


def burst(item: Recording, wave: Wave, rng: np.random.Generator) -> tuple[Recording, Wave]:
    """Automatic fire made of a recorded round: repeated every 50 to 130 ms with its own reverberation.

    The first round of the recording, with what follows until the next (at most 1.5 s), is added again and
    again over the background; the rail stays where the recording had it.
    """
    first = item.rounds[0]
    later = min((r.onset_s for r in item.rounds[1:] if r.onset_s > first.onset_s + 0.2), default=1e9)
    begin = max(0, int((first.onset_s - 0.012) * item.rate_hz))
    end = min(wave.size, int(min(later - 0.08, first.onset_s + 1.5) * item.rate_hz))
    sound = wave[begin:end].copy()
    ramp = np.linspace(0.0, 1.0, max(2, int(0.004 * item.rate_hz)))
    sound[: ramp.size] *= ramp
    tail = min(sound.size // 2, int(0.3 * item.rate_hz))
    sound[sound.size - tail :] *= np.linspace(1.0, 0.0, tail)
    step_s = float(rng.uniform(0.05, 0.13))
    steps = step_s * (1.0 + 0.03 * rng.standard_normal(int(rng.integers(1, 9))))
    offsets = np.concatenate(([0.0], np.cumsum(steps)))
    out = np.zeros(max(end, int(end + offsets[-1] * item.rate_hz)) + 1)
    out[:begin] = wave[:begin]
    for index, offset in enumerate(offsets):
        at = begin + round(offset * item.rate_hz)
        gain = 1.0 if index == 0 else float(rng.uniform(0.75, 1.2))
        part = sound[: out.size - at]
        out[at : at + part.size] += gain * part
    rail = np.abs(wave).max()
    rounds = tuple(
        replace(first, onset_s=first.onset_s + round(o * item.rate_hz) / item.rate_hz, number=n)
        for n, o in enumerate(offsets)
    )
    return replace(item, rounds=rounds), np.clip(out, -rail, rail)

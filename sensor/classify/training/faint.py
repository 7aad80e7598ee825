"""Faint copies: a recording some decibels over the background of another street, with less reverberation.

Most street shots that a classifier misses stand 12 to 21 dB over traffic. These copies add what such a
roof adds and nothing else: a path of some hundred metres, a microphone's colour, real background of another
group 14 to 40 dB under the peak. Every second one also loses reverberation, which no channel can take away:
each sound fades by a further 20 to 250 dB/s.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sensor.classify.training.channels import Channel

Wave = NDArray[np.float64]

_APART_S = 0.15
"""Onsets nearer than this to the one before belong to the same fading."""
_MOST_DB = 40.0


def channel(rng: np.random.Generator, rate_hz: float) -> Channel:
    """A mild channel: no reverberation, no rail, no codec."""
    drawn = Channel.draw(rng, rate_hz)

    def maybe(probability: float, value: float, otherwise: float) -> float:
        return value if rng.random() < probability else otherwise

    return replace(
        drawn,
        distance_m=maybe(0.5, float(rng.uniform(0.0, 300.0)), 0.0),
        low_pass_hz=maybe(0.3, float(rng.uniform(600.0, 3000.0)), np.inf),
        reverb_s=0.0,
        resonance_db=maybe(0.5, float(rng.uniform(-5.0, 5.0)), 0.0),
        tilt_db_per_octave=maybe(0.5, float(rng.uniform(-1.5, 1.5)), 0.0),
        peak_to_noise_db=float(rng.uniform(14.0, 40.0)),
        over_db=-float(rng.uniform(6.0, 36.0)),
        rate_hz=maybe(0.7, 12_000.0, drawn.rate_hz),
        vorbis_quality=-1.0,
    )


def dried(wave: Wave, rate_hz: float, onsets_s: list[float], rng: np.random.Generator) -> Wave:
    """The recording with each sound fading faster after its first 2 to 30 ms."""
    fade_db_s = float(np.exp(rng.uniform(np.log(20.0), np.log(250.0))))
    kept_s = float(rng.uniform(0.002, 0.03))
    gain = np.ones(wave.size)
    last_s = -np.inf
    for onset_s in onsets_s:
        if onset_s - last_s < _APART_S:
            continue
        last_s = onset_s
        begin = int((onset_s + kept_s) * rate_hz)
        fall_db = np.minimum(fade_db_s * np.arange(max(0, wave.size - begin)) / rate_hz, _MOST_DB)
        gain[begin:] = 10.0 ** (-fall_db / 20.0)
        gain[max(0, int((onset_s - 0.01) * rate_hz)) : begin] = 1.0
    return wave * gain

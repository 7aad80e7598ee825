"""Scaled copies: the sound of a like thing of another size.

Played faster, a recording is that of something smaller: of bodies of one shape and material the times go with
their size and the frequencies with its inverse. Blasts scale likewise, by the cube root of the charge
(Hopkinson 1915, Cranz 1926), and so does the street that they ring in. The corpus has few doors, dogs and
weapons; this makes more of them without leaving what nature makes.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from sensor.classify.training.channels import Wave, resample
from sensor.classify.training.corpus import Label, Recording

if TYPE_CHECKING:
    from numpy.random import Generator

_SHOTS = (0.75, 1.33)
"""Range of speeds: that of a charge 2.4 times larger to one 2.4 times smaller."""
_OTHERS = (0.6, 1.7)


def scaled(recording: Recording, wave: Wave, rng: Generator) -> tuple[Recording, Wave]:
    """The recording played at a speed drawn from ``rng``, at its old rate; its rounds move along."""
    shots = bool(recording.rounds) or recording.label == Label.GUNSHOT
    slowest, fastest = _SHOTS if shots else _OTHERS
    speed = math.exp(rng.uniform(math.log(slowest), math.log(fastest)))
    rounds = tuple(replace(item, onset_s=item.onset_s / speed) for item in recording.rounds)
    moved = replace(recording, rounds=rounds, ignore_before_s=recording.ignore_before_s / speed)
    return moved, resample(wave, recording.rate_hz * speed, recording.rate_hz)

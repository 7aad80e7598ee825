"""Plays a recording into a sound device and says when each sample came out, and how well it knows.

Run as a program, because PortAudio reads ``ALSA_CONFIG_PATH`` once per process::

    python -m tests.support.player DEVICE FILE.wav

It prints one JSON object: ``start_ns`` (system UTC at which sample 0 left the device), ``rate_hz`` (as the
device played it) and ``sigma_ns`` (the player's measured uncertainty: robust spread of the device's own
statements about the fitted line, and by how much lines through either half of them differ from it).
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LATENCY_S = 0.2
SETTLING_BLOCKS = 5
"""The first statements of a stream that is filling its buffer are not those of a stream that runs."""


@dataclass(frozen=True, slots=True)
class Played:
    """When a recording was played."""

    start_ns: float
    rate_hz: float
    sigma_ns: float

    def utc_ns(self, index: float) -> float:
        """System UTC at which sample ``index`` left the device."""
        return self.start_ns + index * 1e9 / self.rate_hz


def play(device: str, recording: Path, environment: dict[str, str]) -> Played:
    """Play ``recording`` to its end in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.player", device, str(recording)],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return Played(**json.loads(done.stdout))


def _main(device: str, recording: str) -> None:
    import sounddevice  # noqa: PLC0415  reads its environment now
    import soundfile  # noqa: PLC0415  only the program needs it

    samples, rate_hz = soundfile.read(recording, dtype="float32", always_2d=True)
    blocks: list[tuple[int, float]] = []
    finished = threading.Event()
    played = 0

    def fill(out: np.ndarray, frames: int, when: object, _flags: object) -> None:
        nonlocal played
        blocks.append((played, when.outputBufferDacTime))  # type: ignore[attr-defined]  # PortAudio's struct
        part = samples[played : played + frames]
        out[: len(part)] = part
        out[len(part) :] = 0.0
        played += frames
        if played > len(samples) + rate_hz // 2:
            finished.set()

    with sounddevice.OutputStream(
        device=device,
        channels=samples.shape[1],
        samplerate=rate_hz,
        dtype="float32",
        blocksize=rate_hz // 10,
        latency=LATENCY_S,
        callback=fill,
    ) as stream:
        # The device's clock against UTC; on PulseAudio it is UTC already.
        to_utc_s = min(time.time() - stream.time for _ in range(9))
        finished.wait()
        stream.abort()
    index, when_s = np.array(blocks[SETTLING_BLOCKS:]).T
    period_s, start_s, spread_s = _line(index, when_s)
    middle = index.size // 2
    wander_s = 0.0
    for half in (slice(None, middle), slice(middle, None)):
        half_period_s, half_start_s, _ = _line(index[half], when_s[half])
        ends = index[half][[0, -1]]
        apart_s = half_start_s - start_s + (half_period_s - period_s) * ends
        wander_s = max(wander_s, float(np.abs(apart_s).max()))
    to_utc_s = 0.0 if abs(to_utc_s) < 1.0 else to_utc_s
    found = {
        "start_ns": (start_s + to_utc_s) * 1e9,
        "rate_hz": 1.0 / period_s,
        "sigma_ns": math.hypot(spread_s, wander_s) * 1e9,
    }
    json.dump(found, sys.stdout)


def _line(index: Floats, when_s: Floats) -> tuple[float, float, float]:
    """Seconds per sample, time of sample 0 and robust spread about the line, s."""
    kept = np.ones(index.size, dtype=bool)
    for _ in range(5):  # a stumble of the machine makes single statements late
        period_s, start_s = np.polyfit(index[kept], when_s[kept], 1)
        residual_s = when_s - (start_s + period_s * index)
        spread_s = 1.4826 * float(np.median(np.abs(residual_s)))
        kept = np.abs(residual_s) <= max(3.0 * spread_s, 1e-5)
    return float(period_s), float(start_s), spread_s


if __name__ == "__main__":
    _main(*sys.argv[1:])

"""The sample clock over a simulated day, as `evaluate_timing --plot` draws it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensor.sim.timestamps import Jitter, Stream
from sensor.timing.sample_clock import SampleClock
from sensor.timing.settings import TimingSettings

Floats = NDArray[np.float64]


def plot_day(path: Path, seed: int) -> None:
    """The sample clock's error over a simulated day, with its stated sigma, as a picture."""
    import matplotlib as mpl  # noqa: PLC0415  only this picture needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  same

    rng = np.random.default_rng(seed)
    figure, axes = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
    for axis, jitter in zip(axes, (Jitter.USB, Jitter.STEADY), strict=True):
        stream = Stream(
            jitter=jitter,
            block=4799,
            ppm=37.0,
            thermal_ppm=2.0,
            thermal_period_s=86_400.0,
            frame_ppm=-4.0,
            spread_ns=30e3,
            late_fraction=0.003,
        )
        hours, errors, sigmas = follow(stream, 86_400.0, rng)
        axis.fill_between(hours, -2 * sigmas, 2 * sigmas, color="0.85", label="± 2 stated σ")
        axis.plot(hours, errors, ".", markersize=1.5, color="tab:blue", label="error")
        axis.set_ylabel(f"{jitter.value}, µs")
        limit = 1.3 * float(np.quantile(2 * sigmas, 0.98))
        axis.set_ylim(-limit, limit)
        axis.legend(loc="upper right")
    axes[-1].set_xlabel("hours")
    figure.suptitle("Sample clock over a day: 37 ppm, 2 ppm of temperature, 0.3 % of stamps late by 5 ms")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def follow(stream: Stream, duration_s: float, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Hours, error (us) and stated sigma (us) of a stream, every twenty seconds."""
    clock = SampleClock(stream.rate_hz, TimingSettings())
    first, stamp_ns, _ = stream.blocks(duration_s, rng)
    true_ns = stream.true_ns(first.astype(np.float64))
    kept = []
    every = max(1, round(20.0 * stream.rate_hz / stream.block))
    for number, (index, mono_ns) in enumerate(zip(first.tolist(), stamp_ns.tolist(), strict=True)):
        clock.observe(index, mono_ns)
        if number and number % every == 0:
            time_ns, sigma_ns = clock.predict(index)
            kept.append((index / stream.rate_hz / 3600.0, (time_ns - true_ns[number]) / 1e3, sigma_ns / 1e3))
    hours, errors, sigmas = np.array(kept).T
    return hours, errors, sigmas

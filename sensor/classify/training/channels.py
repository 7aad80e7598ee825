"""Simulated channels: everything between a source and the samples that says nothing about the source.

Shots and confusers pass through the same channels, drawn from the same distributions, so that no property
of a channel (rate, clipping, distance, reverberation, microphone, noise, codec) can stand for a class.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.sim.air import Air
from sensor.sim.spectra import minimum_phase

Wave = NDArray[np.float64]

_TAPS = 4096
"""Length of the minimum-phase filters, in samples."""


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One draw of everything between source and samples; `apply` is deterministic given `seed`."""

    seed: int
    distance_m: float
    """Length of the path for air absorption (ISO 9613-1); 0 = none."""
    temperature_c: float
    humidity_percent: float
    low_pass_hz: float
    """First-order corner of diffraction; infinite = in sight."""
    reverb_s: float
    """RT60 at low frequencies, s; 0 = none."""
    direct_to_reverb_db: float
    high_pass_hz: float
    """First-order corner of the microphone; 0 = none."""
    resonance_hz: float
    resonance_db: float
    tilt_db_per_octave: float
    peak_to_noise_db: float
    """Peak of the recording over the RMS of the added noise; infinite = none added."""
    over_db: float
    """Peak over the converter's rail before clipping; negative = headroom."""
    clip_after_resampling: bool
    rate_hz: float
    """Rate of the samples that come out."""
    vorbis_quality: float
    """Lossy coding, 0 to 1; negative = none."""
    gain_db: float

    @classmethod
    def draw(cls, rng: np.random.Generator, rate_hz: float) -> Channel:
        """Draw a channel for a recording at ``rate_hz``."""
        severity = float(rng.uniform(0.3, 1.2))

        def maybe(probability: float, value: float, otherwise: float) -> float:
            return value if rng.random() < probability * severity else otherwise

        rates = [
            r
            for r in (8000.0, 11025.0, 12000.0, 16000.0, 22050.0, 24000.0)
            if r <= 1.01 * rate_hz or r <= 16000.0
        ]
        return cls(
            seed=int(rng.integers(2**31)),
            distance_m=maybe(0.7, float(rng.uniform(20.0, 700.0)), 0.0),
            temperature_c=float(rng.uniform(-5.0, 32.0)),
            humidity_percent=float(rng.uniform(20.0, 90.0)),
            low_pass_hz=maybe(0.3, float(np.exp(rng.uniform(np.log(400.0), np.log(3000.0)))), np.inf),
            reverb_s=maybe(0.65, float(rng.uniform(0.2, 1.6)), 0.0),
            direct_to_reverb_db=float(rng.uniform(-8.0, 14.0)),
            high_pass_hz=maybe(0.7, float(np.exp(rng.uniform(np.log(20.0), np.log(300.0)))), 0.0),
            resonance_hz=float(np.exp(rng.uniform(np.log(300.0), np.log(3500.0)))),
            resonance_db=maybe(0.5, float(rng.uniform(-8.0, 8.0)), 0.0),
            tilt_db_per_octave=maybe(0.5, float(rng.uniform(-2.5, 2.5)), 0.0),
            peak_to_noise_db=maybe(0.7, float(rng.uniform(12.0, 55.0)), np.inf),
            over_db=maybe(0.45, float(rng.uniform(0.0, 22.0)), float(rng.uniform(-40.0, 0.0))),
            clip_after_resampling=bool(rng.random() < 0.5),
            rate_hz=maybe(0.5, float(rng.choice(rates)), min(rate_hz, 24000.0)),
            vorbis_quality=maybe(0.25, float(rng.uniform(0.1, 0.8)), -1.0),
            gain_db=float(rng.uniform(-20.0, 0.0)),
        )

    def apply(self, wave: Wave, rate_hz: float, noise: Wave | None) -> Wave:
        """Return the recording as this channel would have delivered it, at ``self.rate_hz``.

        ``noise`` is added at ``peak_to_noise_db`` below the peak (repeated to the needed length, same rate as
        ``wave``). The first arrival keeps its time: every filter is minimum phase.
        """
        rng = np.random.default_rng(self.seed)
        out = convolve(wave, self._impulse_response(rate_hz, rng))
        peak = float(np.abs(out).max()) or 1.0
        if noise is not None and np.isfinite(self.peak_to_noise_db):
            rms = float(np.sqrt(np.mean(noise**2))) or 1.0
            repeated = np.resize(np.roll(noise, -int(rng.integers(noise.size))), out.size)
            out = out + repeated * (peak * 10.0 ** (-self.peak_to_noise_db / 20.0) / rms)
        out = out / (float(np.abs(out).max()) or 1.0) * 10.0 ** (self.over_db / 20.0)
        if not self.clip_after_resampling:
            out = np.clip(out, -1.0, 1.0)
        out = resample(out, rate_hz, self.rate_hz)
        if self.clip_after_resampling:
            out = np.clip(out, -1.0, 1.0)
        if self.vorbis_quality >= 0.0:
            out = through_vorbis(out / max(1.0, np.abs(out).max()), self.rate_hz, self.vorbis_quality)
        return out * 10.0 ** (self.gain_db / 20.0)

    def _impulse_response(self, rate_hz: float, rng: np.random.Generator) -> Wave:
        frequency: Wave = np.fft.rfftfreq(_TAPS, 1.0 / rate_hz).astype(np.float64)
        air = Air(temperature_c=self.temperature_c, humidity_percent=self.humidity_percent)
        level_db = -self.distance_m * air.absorption_db_m(frequency)
        if np.isfinite(self.low_pass_hz):
            level_db = level_db - 10.0 * np.log10(1.0 + (frequency / self.low_pass_hz) ** 2)
        if self.high_pass_hz > 0.0:
            level_db = level_db - 10.0 * np.log10(1.0 + (self.high_pass_hz / np.maximum(frequency, 5.0)) ** 2)
        octave = np.log2(np.maximum(frequency, 50.0) / self.resonance_hz)
        level_db = level_db + self.resonance_db * np.exp(-0.5 * (octave / 0.35) ** 2)
        level_db = level_db + self.tilt_db_per_octave * np.clip(
            np.log2(np.maximum(frequency, 50.0) / 700.0), -3, 3
        )
        response = np.fft.irfft(minimum_phase(10.0 ** (np.maximum(level_db, -120.0) / 20.0)))
        if self.reverb_s > 0.0:
            response = convolve_full(response, self._reverb(rate_hz, rng))
        return response

    def _reverb(self, rate_hz: float, rng: np.random.Generator) -> Wave:
        """Direct sound of one, discrete reflections, and a tail that loses its treble first."""
        length = int(rate_hz * min(1.2 * self.reverb_s, 1.6))
        time = np.arange(length) / rate_hz
        start = rng.uniform(0.002, 0.03)
        tail = rng.standard_normal(length) * 10.0 ** (-3.0 * time / self.reverb_s)
        dull = np.convolve(rng.standard_normal(length), np.ones(8) / 8.0, mode="same")
        tail = 0.5 * tail * 10.0 ** (-3.0 * time / (0.6 * self.reverb_s)) + dull * 10.0 ** (
            -3.0 * time / self.reverb_s
        )
        tail *= np.clip((time - start) / 0.02, 0.0, 1.0)
        for _ in range(int(rng.poisson(6))):
            at = int(rate_hz * np.exp(rng.uniform(np.log(0.002), np.log(0.25))))
            if at < length:
                width = max(1, int(rate_hz * rng.uniform(0.0, 0.0006)))
                gain = (
                    rng.uniform(0.1, 1.0)
                    * 10.0 ** (-3.0 * at / rate_hz / self.reverb_s)
                    * np.sqrt(rate_hz * 0.004)
                )
                tail[at : at + width] += rng.choice((-0.3, 1.0)) * gain / width
        energy = float(np.sum(tail**2)) or 1.0
        tail *= np.sqrt(10.0 ** (-self.direct_to_reverb_db / 10.0) / energy)
        tail[0] += 1.0
        return tail


def convolve_full(first: Wave, second: Wave) -> Wave:
    """Linear convolution by one transform."""
    n = first.size + second.size - 1
    size = _fast_size(n)
    return np.fft.irfft(np.fft.rfft(first, size) * np.fft.rfft(second, size), size)[:n]


def convolve(wave: Wave, response: Wave) -> Wave:
    """``wave`` through ``response``, cut to the length of ``wave``."""
    return convolve_full(wave, response)[: wave.size]


def _fast_size(n: int) -> int:
    """Smallest 2^a or 3 * 2^a not below ``n``."""
    power = 1 << (n - 1).bit_length()
    return 3 * power // 4 if 3 * power // 4 >= n else power


def resample(wave: Wave, rate_hz: float, new_rate_hz: float) -> Wave:
    """Band-limited resampling of a whole recording by one transform."""
    if new_rate_hz == rate_hz:
        return wave
    n = round(wave.size * new_rate_hz / rate_hz)
    spectrum = np.fft.rfft(wave)
    wanted = n // 2 + 1
    if wanted <= spectrum.size:
        spectrum = spectrum[:wanted].copy()
        edge = max(1, wanted // 20)  # the converter's own filter: the last 5 % fall off
        spectrum[wanted - edge :] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(edge) / edge)
    else:
        spectrum = np.concatenate([spectrum, np.zeros(wanted - spectrum.size)])
    return np.fft.irfft(spectrum, n) * (n / wave.size)


def through_vorbis(wave: Wave, rate_hz: float, quality: float) -> Wave:
    """Encode to Ogg Vorbis and back: phones and sound libraries store that way."""
    import soundfile  # noqa: PLC0415  only training needs it

    memory = io.BytesIO()
    with soundfile.SoundFile(
        memory, "w", int(rate_hz), 1, format="OGG", subtype="VORBIS", compression_level=1.0 - quality
    ) as sink:
        for begin in range(0, wave.size, 8192):  # the encoder overflows its stack on one long write
            sink.write(wave[begin : begin + 8192])
    memory.seek(0)
    decoded, _ = soundfile.read(memory, dtype="float64")
    return np.resize(decoded, wave.size) if decoded.size < wave.size else decoded[: wave.size]

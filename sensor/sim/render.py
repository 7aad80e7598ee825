"""A scene as WAV files and its ground truth, in the layout that ``replay --labels`` and ``--manifest`` read.

Rendered in stretches of ten seconds: of an hour only what is heard of its sounds is held, about 1.3 MB
each at 48 kHz, and no stretch of the background but one.
"""

from __future__ import annotations

import csv
import json
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sensor.physics import REFERENCE_PRESSURE_PA, db_from_ratio
from sensor.sim.arrivals import HeardSound, emission_times_s, heard_sounds
from sensor.sim.background import Background
from sensor.sim.microphone import MicrophoneChannel, noise_rms_pa
from sensor.sim.scene import Node, Scene
from sensor.sim.spectra import Pressure, rfft_grid_hz

if TYPE_CHECKING:
    from soundfile import SoundFile

STRETCH_S = 10.0
CLIPPING_S = 0.1
"""How long after its arrival a sound is looked at for clipping."""
AUDIBLE_DB = 6.0
"""A peak less than this over the floor's RMS in the detector's usual band cannot be told from it."""
BAND_HZ = (300.0, 5000.0)
"""The detector's usual band, or what the rate allows of it."""

EVENT_COLUMNS = (
    "path",
    "onset_s",
    "label",
    "weapon",
    "distance_m",
    "shot",
    "predicted_onset_s",
    "truth_source",
    "spl_db",
    "peak_over_floor_db",
    "clipped",
    "audible",
    "kind",
    "source",
    "utc_ns",
)
FILE_COLUMNS = ("path", "label", "source", "licence", "group", "sample_rate_hz", "seconds", "note")
MANIFEST_COLUMNS = ("path", "start_utc", "node", "lat_deg", "lon_deg", "height_m")


@dataclass(frozen=True, slots=True, eq=False)  # eq: arrays do not compare to one truth value
class Recording:
    """What one node recorded of a scene, stretch by stretch, and the truth about it."""

    node: Node
    rate_hz: int
    samples: int
    sounds: tuple[HeardSound, ...]
    """In order of arrival."""


def recording_of(scene: Scene, node: Node) -> Recording:
    """Everything the node will hear; sounds that begin after its last sample are left out."""
    samples = round(scene.duration_s * node.rate_hz)
    sounds = sorted(
        (sound for sound in heard_sounds(scene, node) if 0.0 <= sound.arrival < samples),
        key=lambda sound: sound.arrival,
    )
    return Recording(node=node, rate_hz=node.rate_hz, samples=samples, sounds=tuple(sounds))


def stretches(scene: Scene, recording: Recording) -> Iterator[tuple[int, Pressure, NDArray[np.float32]]]:
    """First sample, background pressure and recorded samples of each stretch."""
    node = recording.node
    seed = (scene.seed, zlib.crc32(node.name.encode()))
    street = node.background or scene.background
    background = Background(street, node.rate_hz, seed[0] ^ (seed[1] << 16)) if street else None
    channel = MicrophoneChannel(node.microphone, node.rate_hz, np.random.default_rng((*seed, 1)))
    length = int(STRETCH_S * node.rate_hz)
    for first in range(0, recording.samples, length):
        count = min(length, recording.samples - first)
        behind = background.pressure_pa(first, count) if background else np.zeros(count)
        pressure = behind.copy()
        for heard in recording.sounds:
            _add(pressure, first, heard)
        yield first, behind, channel.record(pressure)


def _add(pressure: Pressure, first: int, heard: HeardSound) -> None:
    """Add the part of a sound that falls into the stretch beginning at ``first``."""
    sound = heard.sound
    begin = max(first, sound.first)
    end = min(first + pressure.size, sound.first + sound.pressure_pa.size)
    if begin < end:
        pressure[begin - first : end - first] += sound.pressure_pa[begin - sound.first : end - sound.first]


def render_scene(scene: Scene, folder: Path) -> dict[str, Any]:
    """Write recordings, ``events.csv``, ``files.csv``, ``manifest.csv`` and ``truth.json``; return the last.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    events: list[dict[str, Any]] = []
    for node in scene.sensors:
        recording = recording_of(scene, node)
        events += _write_recording(scene, recording, folder / f"{node.name}.{scene.format}")
    files = [_file_row(scene, node) for node in scene.sensors]
    _write_csv(folder / "events.csv", EVENT_COLUMNS, events)
    _write_csv(folder / "files.csv", FILE_COLUMNS, files)
    _write_csv(
        folder / "manifest.csv", MANIFEST_COLUMNS, [_manifest_row(scene, node) for node in scene.sensors]
    )
    truth = _truth(scene, events)
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return truth


def _write_recording(scene: Scene, recording: Recording, path: Path) -> list[dict[str, Any]]:
    """Write one file and return its rows of ``events.csv``."""
    node = recording.node
    rows = []
    pending = list(recording.sounds)
    reach = round(CLIPPING_S * node.rate_hz)
    kept, floor_pa = np.zeros(0, np.float32), 0.0
    with _writing(path, scene, recording) as file:
        for first, behind, samples in stretches(scene, recording):
            file.write(samples)
            before_pa, floor_pa = floor_pa, _floor_pa(behind, node)
            kept = np.concatenate((kept[-reach:], samples))
            end = first + samples.size
            # What arrives at the end of a stretch waits for the next, which may hold the rail it reaches.
            decided = end if end == recording.samples else end - reach
            while pending and pending[0].arrival < decided:
                heard = pending.pop(0)
                begin = int(heard.arrival) - (end - kept.size)
                clipped = _at_rail(kept[begin : begin + reach], node)
                there_pa = floor_pa if heard.arrival >= first else before_pa
                rows.append(_event_row(scene, node, path.name, heard, there_pa, clipped=clipped))
    return rows


@contextmanager
def _writing(path: Path, scene: Scene, recording: Recording) -> Iterator[SoundFile]:
    """A sound file to write to.

    Raises:
        OSError: it cannot be opened or written.
    """
    import soundfile  # noqa: PLC0415  only writing needs it

    node = recording.node
    subtype = "PCM_24" if node.microphone.bits > 16 else "PCM_16"
    long = scene.format == "wav" and recording.samples * 3 > 2**31
    container = "RF64" if long else scene.format.upper()
    try:
        with soundfile.SoundFile(path, "w", node.rate_hz, 1, subtype, format=container) as file:
            yield file
    except (soundfile.SoundFileError, AssertionError) as error:  # soundfile asserts that all was written
        raise OSError(f"{path.name}: {error or 'the disk is full'}") from error


def _at_rail(samples: NDArray[np.float32], node: Node) -> bool:
    """Whether any sample sits within two steps of the converter's rail."""
    return bool((np.abs(samples) >= 1.0 - 2.0 ** (2 - node.microphone.bits)).any())


def _floor_pa(street: Pressure, node: Node) -> float:
    """RMS in ``BAND_HZ`` of what sounds must stand out from: the street and the microphone's own noise."""
    own_pa = noise_rms_pa(node.microphone, node.rate_hz, *BAND_HZ)
    return math.hypot(_band_rms(street, node.rate_hz), own_pa)


def _band_rms(pressure: Pressure, rate_hz: int) -> float:
    """RMS in ``BAND_HZ``, pascal."""
    if pressure.size == 0:
        return 0.0
    frequency_hz = rfft_grid_hz(pressure.size, rate_hz)
    inside = (frequency_hz >= BAND_HZ[0]) & (frequency_hz <= BAND_HZ[1])
    power = np.abs(np.fft.rfft(pressure)[inside]) ** 2
    return math.sqrt(2.0 * float(power.sum())) / pressure.size


def _band_peak(pressure: Pressure, rate_hz: int) -> float:
    """Largest absolute value in ``BAND_HZ``, pascal."""
    frequency_hz = rfft_grid_hz(pressure.size, rate_hz)
    spectrum = np.fft.rfft(pressure)
    spectrum[(frequency_hz < BAND_HZ[0]) | (frequency_hz > BAND_HZ[1])] = 0.0
    return float(np.max(np.abs(np.fft.irfft(spectrum, pressure.size))))


def _event_row(
    scene: Scene, node: Node, path: str, heard: HeardSound, floor_pa: float, *, clipped: bool
) -> dict[str, Any]:
    source = scene.sources[heard.source]
    peak_pa = float(np.max(np.abs(heard.sound.pressure_pa)))
    over_db = db_from_ratio(_band_peak(heard.sound.pressure_pa, node.rate_hz) / floor_pa)
    audible = over_db >= AUDIBLE_DB
    onset_s = heard.arrival / node.rate_hz
    return {
        "path": path,
        "onset_s": f"{onset_s:.7f}",
        "label": heard.label,
        "weapon": source.weapon or "",
        "distance_m": f"{heard.distance_m:.1f}",
        "shot": heard.shot,
        "predicted_onset_s": f"{onset_s:.7f}",
        "truth_source": "simulated" if audible else "predicted_only",
        "spl_db": f"{db_from_ratio(peak_pa / REFERENCE_PRESSURE_PA):.1f}",
        "peak_over_floor_db": f"{over_db:.1f}",
        "clipped": int(clipped),
        "audible": "yes" if audible else "no",
        "kind": heard.part,
        "source": heard.source,
        "utc_ns": scene.start_utc_ns + round(heard.arrival_s * 1e9),
    }


def _file_row(scene: Scene, node: Node) -> dict[str, Any]:
    labels = {"gunshot" if source.kind == "gunshot" else "other" for source in scene.sources}
    return {
        "path": f"{node.name}.{scene.format}",
        "label": "gunshot" if "gunshot" in labels else "background",
        "source": f"simulated scene {scene.name}, seed {scene.seed}",
        "licence": "CC0-1.0",
        "group": scene.name,
        "sample_rate_hz": node.rate_hz,
        "seconds": f"{scene.duration_s:.3f}",
        "note": "",
    }


def _manifest_row(scene: Scene, node: Node) -> dict[str, Any]:
    """Start and place as the node believes them: its clock's offset is in the start."""
    offset_ns = round(node.clock.offset_ms * 1e6)
    llh = scene.llh(node.metres(scene.origin)) or ("", "", "")
    return {
        "path": f"{node.name}.{scene.format}",
        "start_utc": iso_utc(scene.start_utc_ns + offset_ns),
        "node": node.name,
        "lat_deg": llh[0] and f"{llh[0]:.8f}",
        "lon_deg": llh[1] and f"{llh[1]:.8f}",
        "height_m": llh[2] and f"{llh[2]:.3f}",
    }


def iso_utc(utc_ns: int) -> str:
    """ISO 8601 UTC with nanoseconds."""
    seconds, rest_ns = divmod(utc_ns, 10**9)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest_ns:09d}Z"


def _truth(scene: Scene, events: list[dict[str, Any]]) -> dict[str, Any]:
    """What really happened: every discharge with its place and true UTC, and who heard it when."""
    sources = []
    for index, source in enumerate(scene.sources):
        at = source.metres(scene.origin)
        for shot, emitted_s in enumerate(emission_times_s(scene, index)):
            heard = [event for event in events if (event["source"], event["shot"]) == (index, shot)]
            sources.append(
                {
                    "source": index,
                    "shot": shot,
                    "kind": source.kind,
                    "weapon": source.weapon,
                    "utc_ns": scene.start_utc_ns + round(emitted_s * 1e9),
                    "at_m": list(at),
                    "llh": scene.llh(at),
                    "heard": {event["path"]: event["utc_ns"] for event in heard if event["kind"] != "shock"},
                }
            )
    return {
        "scene": scene.name,
        "seed": scene.seed,
        "start_utc_ns": scene.start_utc_ns,
        "sound_speed_m_s": scene.air.sound_speed_m_s,
        "sensors": {
            node.name: {"at_m": list(node.metres(scene.origin)), "llh": scene.llh(node.metres(scene.origin))}
            for node in scene.sensors
        },
        "events": sources,
    }


def _write_csv(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

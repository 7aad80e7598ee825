"""All examples of the corpus, made once by two processes and kept in a folder of the user's choice."""

from __future__ import annotations

import logging
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np

from sensor.classify.training import corpus as corpora
from sensor.classify.training import street, synthetic
from sensor.classify.training.corpus import Corpus, Label, Recording
from sensor.classify.training.examples import (
    BURST_COPIES,
    FAINT_COPIES,
    SCALED_COPIES,
    TRIMMED_COPIES,
    Dataset,
    Noise,
    channelled,
    examples_of,
    through_channel,
)
from sensor.classify.training.fingerprint import fingerprint

log = logging.getLogger(__name__)

SYNTHETIC = 900
"""Recordings made of parametric sources."""
STREETS = 400
"""Simulated streets; with a third of them a jackhammer was far more often taken for automatic fire."""
RANGE_COPIES = range(101, 121)
"""Seeded channels of the range recordings: judged, never trained on."""


def copies_of(item: Recording) -> list[int]:
    """Which copies of a recording are made; few recordings of a kind get more of them."""
    if item.path.startswith("pittsburgh"):
        bursts = list(BURST_COPIES[:3]) if item.rounds and item.rounds[0].counts else []
        return [*range(6), *bursts, *FAINT_COPIES[:6], *_scaled(1, 1), *TRIMMED_COPIES[:2]]
    if item.label == Label.GUNSHOT:
        shots = [*range(26), *RANGE_COPIES, *BURST_COPIES[:4], *FAINT_COPIES[:16]]
        return [*shots, *_scaled(8, 4), *TRIMMED_COPIES[:8]]
    if item.label == Label.FIREWORK:
        return [*range(17), *FAINT_COPIES[:8], *_scaled(10, 4), *TRIMMED_COPIES[:4]]
    if item.label == Label.OTHER_IMPULSE:
        return [*range(9), *FAINT_COPIES[:5], *_scaled(4, 1), *TRIMMED_COPIES[:3]]
    return [*range(5), *FAINT_COPIES[:5], *_scaled(1, 1), *TRIMMED_COPIES[:2]]


def _scaled(channels: int, faint: int) -> list[int]:
    """So many copies of another size, through channels and faint."""
    clear = SCALED_COPIES[len(FAINT_COPIES) // 2 :]
    return [*clear[:channels], *SCALED_COPIES[:faint]]


def build(root: Path, cache: Path, jobs: int = 2) -> Dataset:
    """Examples of the corpus in ``root``, read from ``cache`` where nothing they depend on has changed."""
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"examples-{fingerprint(root)}.npz"
    waves = kept.with_name(f"waves-{kept.stem.removeprefix('examples-')}.npy")
    if kept.is_file() and waves.is_file():
        with np.load(kept, allow_pickle=False) as stored:
            return Dataset(stored["rows"], stored["features"], np.load(waves, mmap_mode="r"))
    count = len(_corpus(root)[0].recordings) + SYNTHETIC + STREETS
    parts = []
    with ProcessPoolExecutor(jobs) as pool:
        for number, part in enumerate(pool.map(_make, [root] * count, range(count), chunksize=8)):
            parts.append(part)
            if number % 200 == 0:
                log.info("examples: %d of %d recordings", number, count)
    dataset = Dataset.join(parts)
    np.save(waves, dataset.waves)
    unfinished = kept.with_suffix(".part.npz")
    np.savez_compressed(unfinished, rows=dataset.rows, features=dataset.features)
    unfinished.replace(kept)
    return dataset


@lru_cache(maxsize=1)
def _corpus(root: Path) -> tuple[Corpus, Noise]:
    loaded = corpora.load(root)
    return loaded, Noise(loaded)


def _make(root: Path, number: int) -> Dataset:
    """Examples of one recording; numbers past the corpus are synthetic."""
    loaded, noise = _corpus(root)
    index = number - len(loaded.recordings)
    if index >= SYNTHETIC:
        item, wave, rate_hz = street.recording(index - SYNTHETIC)
        return _thinned(examples_of(wave, rate_hz, item, 1, -1))
    if index >= 0:
        item, wave = synthetic.recording(index)
        rng = np.random.default_rng([7, index])
        return through_channel(item, wave, noise, rng, 1)
    item = loaded.recordings[number]
    made = [channelled(loaded, noise, item, copy, same_fold=copy in RANGE_COPIES) for copy in copies_of(item)]
    return _thinned(Dataset.join(made))


def _thinned(dataset: Dataset) -> Dataset:
    """Without unlabelled triggers of copies and three of four of the copies' echoes: bulk, no lesson."""
    copy, labels = dataset.rows["copy"], dataset.labels
    judged = (copy == 0) | np.isin(copy, (*RANGE_COPIES, *BURST_COPIES))
    bulk = (copy > 2) & ~judged & ~np.isin(copy, FAINT_COPIES) & (np.arange(len(labels)) % 4 > 0)
    drop = ((labels == Label.IGNORE) & ~judged) | ((labels == Label.ECHO) & bulk)
    return Dataset(dataset.rows[~drop], dataset.features[~drop], dataset.waves[~drop])

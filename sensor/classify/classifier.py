"""Joins features, context and weights: Trigger and clip -> Verdict. Pure, numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sensor.classify import context, features, likeness, measures, model
from sensor.classify.bands import band_power
from sensor.classify.common_rate import finite, to_common_rate
from sensor.errors import ModelError
from sensor.types import Trigger, Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensor.classify.context import Heard
    from sensor.types import Samples

DEFAULT_MODEL = Path(__file__).with_name("models") / "street-1.npz"
ECHO = "echo"
SILENT_CLASS = "non_impulse"
"""What a clip without any sound in the band is called."""
HEARD_BEFORE = len(features.NAMES) + context.NAMES.index("count_1")
"""Place of the count of triggers in the last second: without one there is nothing to echo."""


class Classifier:
    """Judges triggers by loaded weights; stateless: the same trigger and clip give the same verdict."""

    def __init__(self, weights: model.Model) -> None:
        if weights.feature_names != features.NAMES or weights.context_names != context.NAMES:
            raise ModelError(
                f"{weights.model_id} was trained on other features than this program computes; "
                "train again with scripts/train_classifier or use the model of this version"
            )
        self._model = weights

    @classmethod
    def load(cls, path: Path | None = None) -> Classifier:
        """Read weights from ``path``, or those of the package.

        Raises:
            ModelError: the file is missing, damaged, altered, of another format or for other features.
        """
        return cls(model.read(DEFAULT_MODEL if path is None else path))

    @property
    def model_id(self) -> str:
        """Name and checksum of the weights, such as ``street-1+3fa94c1b``."""
        return self._model.model_id

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of every verdict."""
        return (*self._model.classes, ECHO)

    def classify(
        self, trigger: Trigger, clip: Samples, rate_hz: float, earlier: Sequence[Heard] = ()
    ) -> Verdict:
        """Say what the sound in ``clip`` is.

        Args:
            trigger: the impulse; its ``onset`` must lie in ``[on, off)``.
            clip: samples ``[trigger.on, trigger.off)``, shape (n,), any gain; rubbish gives a valid verdict.
            rate_hz: sampling rate, 8000 to 192000.
            earlier: what was heard in the last ``context.MEMORY_S``, in time order.
        """
        samples = _unit_peak(clip)
        onset = min(max(trigger.onset - trigger.on, 0.0), max(samples.size - 1.0, 0.0))
        aligned = to_common_rate(samples, rate_hz, onset)
        waves, high = features.at_unit_peak(aligned.wave[None], aligned.high[None])
        power = band_power(waves)
        sound = features.extract_from(waves, high, power)[0]
        image = likeness.image(waves[0], power[0])
        vectors = with_context(sound, context.extract(trigger, image, earlier, rate_hz))
        return Verdict(
            classes=self.probabilities(vectors),
            rise_s=measures.rise_s(samples, rate_hz, onset),
            duration_s=measures.duration_s(samples, rate_hz, onset),
            clip_fraction=measures.clip_fraction(samples, rate_hz, onset),
            features=vectors,
            image=image,
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features of a verdict, in order."""
        return (*self._model.feature_names, *self._model.context_names)

    @property
    def average(self) -> NDArray[np.float32]:
        """The training mean of each feature, in the order of ``feature_names``."""
        return self._model.sound.network.mean

    def standardised(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """How many training standard deviations each feature of a verdict is above the training mean.

        NaN where the sampling rate leaves a feature unknown. Beyond the model's limit it counts as that.
        """
        return (vectors - self._model.sound.network.mean) / self._model.sound.network.scale

    def probabilities(self, vectors: NDArray[np.float32]) -> dict[str, float]:
        """Probabilities of the classes of a sound, from its features as a verdict has them or altered.

        ``vectors`` has one row per look, and what the model says of them is averaged. A feature that is
        NaN counts as unknown: average to the network, and the trees have learned what then.
        """
        # Kinds of sound; what sounds like a shot is divided between a round and an echo.
        if not vectors[:, : len(features.NAMES)].any():
            return {name: float(name == SILENT_CLASS) for name in self.classes}
        kinds = _softmax(self._model.sound.logits(vectors).mean(axis=0))
        result = dict(zip(self._model.classes, (float(p) for p in kinds), strict=True))
        echo = 0.0
        if vectors[0, HEARD_BEFORE] > 0:
            echo = float(_softmax(self._model.echo.logits(vectors).mean(axis=0))[1])
        result[ECHO] = result["gunshot"] * echo
        result["gunshot"] *= 1.0 - echo
        return result


def with_context(sound: NDArray[np.float32], around: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features of a sound, shape (looks, features), and behind each row the same of its context."""
    return np.concatenate([sound, np.broadcast_to(around, (len(sound), around.size))], axis=1)


def _unit_peak(clip: Samples) -> NDArray[np.float64]:
    """The clip at a peak of 1, so that no gain can overflow; what is not finite counts as zero."""
    samples = finite(np.asarray(clip).reshape(-1))
    peak = float(np.abs(samples).max(initial=0.0))
    return samples / peak if peak > 0.0 else samples


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = np.exp(logits.astype(np.float64) - float(logits.max()))
    return shifted / shifted.sum()

"""The weights: a versioned ``.npz`` that carries its own checksum, read without pickle.

Two parts make a model. ``sound`` says what kind of sound it is: a network, to whose score for a shot
boosted trees add theirs. ``echo``, a network, says of what sounds like a shot whether it is the echo of what
was heard just before. A network is standardised inputs and dense layers with a rectifier between.
"""

from __future__ import annotations

import hashlib
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sensor.classify.trees import Trees
from sensor.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = 4
"""Raised whenever an older program would misread the arrays, or ask the model of other looks at a sound than
those that its probabilities are calibrated for."""
ASKED_FOR = ("gunshot", "non_impulse")
"""Classes that the program itself asks for; the first must be the first output."""
_MAX_BYTES = 8_000_000
_DEEPEST = 64
"""Steps from root to leaf beyond which trees are no model of ours."""
_RETRAIN = "train again with scripts/train_classifier or reinstall the package"
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    MemoryError,  # an array that claims to be larger than any memory
    SyntaxError,  # a bent header of an array
    RuntimeError,  # an entry that claims to be encrypted, or a compression that zipfile does not know
    struct.error,
    zipfile.BadZipFile,
    tokenize.TokenError,  # the same header, cut in the middle
    zlib.error,
)


@dataclass(frozen=True, eq=False)
class Network:
    """Dense network: standardise, then layers of ``x @ weight + bias`` with max(0, x) between them."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    limit: float
    """Standardised inputs are cut to ± this: far outside of what was learned nothing is known."""
    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]

    def logits(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class scores, shape (n, classes), of vectors of shape (n, inputs)."""
        x = np.clip((vectors - self.mean) / self.scale, -self.limit, self.limit)
        x = np.where(np.isnan(x), np.float32(0.0), x)  # unknown counts as average
        for index, (weight, bias) in enumerate(self.layers):
            x = x @ weight + bias
            if index < len(self.layers) - 1:
                x = np.maximum(x, 0.0)
        return x


@dataclass(frozen=True, eq=False)
class Sound:
    """What kind of sound it is: the first class is a shot, and the trees speak of that one only."""

    network: Network
    trees: Trees

    def logits(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class scores, shape (n, classes), of vectors of shape (n, inputs)."""
        logits = self.network.logits(vectors)
        logits[:, 0] += self.trees.scores(vectors)
        return logits


@dataclass(frozen=True, eq=False)
class Model:
    """Everything that turns features into calibrated probabilities."""

    name: str
    sha256: str
    classes: tuple[str, ...]
    feature_names: tuple[str, ...]
    context_names: tuple[str, ...]
    prior: float
    """Share of gunshots among triggers at which the probabilities are calibrated."""
    sound: Sound
    echo: Network

    @property
    def model_id(self) -> str:
        """Name and the first eight digits of the checksum: enough to repeat a verdict."""
        return f"{self.name}+{self.sha256[:8]}"


def checksum(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over names, types, shapes and bytes of all arrays but ``sha256`` itself, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        if name == "sha256":
            continue
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def read(path: Path) -> Model:
    """Load and check a model.

    Raises:
        ModelError: the file is missing, damaged, altered, pickled, of another format or for other features.
    """
    arrays = _arrays(path)
    version = _number(arrays, "format", path)
    if version != FORMAT:
        raise ModelError(f"{path}: model format {version:g}, this program reads format {FORMAT}; {_RETRAIN}")
    stated, actual = str(_get(arrays, "sha256", path)), checksum(arrays)
    if stated != actual:
        raise ModelError(
            f"{path}: checksum is {actual[:12]}, the file states {stated[:12]}: altered; {_RETRAIN}"
        )
    model = Model(
        name=str(_get(arrays, "name", path)),
        sha256=actual,
        classes=_words(arrays, "classes", path),
        feature_names=_words(arrays, "feature_names", path),
        context_names=_words(arrays, "context_names", path),
        prior=_number(arrays, "prior", path),
        sound=Sound(_network(arrays, "sound", path), _trees(arrays, path)),
        echo=_network(arrays, "echo", path),
    )
    _check_meaning(model, path)
    return model


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Store ``arrays`` with their checksum, which is returned; the same arrays give the same bytes."""
    digest = checksum(arrays)
    complete = {**arrays, "sha256": np.array(digest)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(complete):
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, np.asanyarray(complete[name]), allow_pickle=False)
    return digest


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of the archive, checked by its own checksums, never unpickled."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ModelError(f"{path}: larger than {_MAX_BYTES} bytes, not a model of this program")
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy"): _array(archive, name) for name in archive.namelist()}
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file; set classify.model to a model or to 'default'") from error
    except _UNREADABLE as error:
        raise ModelError(
            f"{path}: not a readable model ({error}); copy it again or set classify.model"
        ) from error


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    if archive.getinfo(name).file_size > _MAX_BYTES:
        raise ValueError(f"{name} claims {archive.getinfo(name).file_size} bytes")
    with archive.open(name) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        file.read()  # to its end, where the archive's checksum is compared
    return array


def _get(arrays: Mapping[str, NDArray[Any]], name: str, path: Path) -> NDArray[Any]:
    try:
        return arrays[name]
    except KeyError as error:
        raise ModelError(f"{path}: lacks '{name}', so it is not a model of this program") from error


def _number(arrays: Mapping[str, NDArray[Any]], name: str, path: Path) -> float:
    array = _get(arrays, name, path)
    if array.shape != () or not np.issubdtype(array.dtype, np.number) or not np.isfinite(array):
        raise ModelError(f"{path}: '{name}' is not one number, so it is not a model of this program")
    return float(array)


def _check_meaning(model: Model, path: Path) -> None:
    """Raise ModelError unless outputs, inputs and names belong together, before any verdict is asked for."""
    inputs = len(model.feature_names) + len(model.context_names)
    faults = {
        f"'classes' must begin with {ASKED_FOR[0]}, have {ASKED_FOR[1]} and name every output once": (
            model.classes[:1] != ASKED_FOR[:1]
            or ASKED_FOR[1] not in model.classes
            or len(set(model.classes)) != len(model.classes)
            or model.sound.network.layers[-1][1].shape != (len(model.classes),)
        ),
        "'echo' must have two outputs, round and echo": model.echo.layers[-1][1].shape != (2,),
        f"both networks must look at the {inputs} named features": any(
            network.mean.shape != (inputs,) for network in (model.sound.network, model.echo)
        ),
        "scales and limits must be above zero": any(
            not (network.scale > 0.0).all() or network.limit <= 0.0
            for network in (model.sound.network, model.echo)
        ),
        "'prior' must lie between 0 and 1": not 0.0 < model.prior < 1.0,
    }
    for rule, broken in faults.items():
        if broken:
            raise ModelError(f"{path}: {rule}; train again with scripts/train_classifier")


def _words(arrays: Mapping[str, NDArray[Any]], name: str, path: Path) -> tuple[str, ...]:
    array = _get(arrays, name, path)
    if array.ndim != 1 or array.dtype.kind != "U":
        raise ModelError(f"{path}: '{name}' is not a row of words, so it is not a model of this program")
    return tuple(str(item) for item in array)


def _floats(arrays: Mapping[str, NDArray[Any]], name: str, path: Path) -> NDArray[np.float32]:
    array = _get(arrays, name, path)
    if array.dtype != np.float32:
        raise ModelError(f"{path}: '{name}' is {array.dtype}, not float32; {_RETRAIN}")
    return array


def _network(arrays: Mapping[str, NDArray[Any]], stage: str, path: Path) -> Network:
    layers: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    while f"{stage}.weight{len(layers)}" in arrays:
        number = len(layers)
        layers.append(
            (
                _floats(arrays, f"{stage}.weight{number}", path),
                _floats(arrays, f"{stage}.bias{number}", path),
            )
        )
    if not layers:
        raise ModelError(f"{path}: lacks the layers of '{stage}', so it is not a model of this program")
    network = Network(
        mean=_floats(arrays, f"{stage}.mean", path),
        scale=_floats(arrays, f"{stage}.scale", path),
        limit=_number(arrays, f"{stage}.limit", path),
        layers=tuple(layers),
    )
    _check_shapes(network, stage, path)
    return network


def _trees(arrays: Mapping[str, NDArray[Any]], path: Path) -> Trees:
    trees = Trees(
        feature=_get(arrays, "trees.feature", path),
        threshold=_floats(arrays, "trees.threshold", path),
        unknown_left=_get(arrays, "trees.unknown_left", path),
        left=_get(arrays, "trees.left", path),
        right=_get(arrays, "trees.right", path),
        value=_floats(arrays, "trees.value", path),
        softness=_floats(arrays, "trees.softness", path),
        baseline=_number(arrays, "trees.baseline", path),
        depth=int(_number(arrays, "trees.depth", path)),
    )
    inputs = len(_get(arrays, "sound.mean", path))
    parts = (trees.threshold, trees.unknown_left, trees.left, trees.right, trees.value)
    fits = trees.feature.ndim == 2 and all(part.shape == trees.feature.shape for part in parts)
    fits = fits and 0 < trees.depth <= _DEEPEST and trees.softness.shape == (inputs,)
    fits = fits and _within(trees.feature, inputs) and trees.unknown_left.dtype == np.bool_
    fits = fits and all(_within(part, trees.feature.shape[1]) for part in (trees.left, trees.right))
    if not fits:
        raise ModelError(f"{path}: the trees do not fit together, so it is not a model of this program")
    finite = all(np.isfinite(part).all() for part in (trees.value, trees.softness, trees.baseline))
    # A threshold may be infinite: it parts what is known from what is not.
    if not finite or np.isnan(trees.threshold).any():
        raise ModelError(f"{path}: 'trees' holds numbers that are not finite; train again")
    if not (trees.softness > 0.0).all():
        raise ModelError(f"{path}: 'trees.softness' holds widths that are not above zero; train again")
    return trees


def _within(indices: NDArray[Any], count: int) -> bool:
    return bool(np.issubdtype(indices.dtype, np.integer) and ((indices >= 0) & (indices < count)).all())


def _check_shapes(network: Network, stage: str, path: Path) -> None:
    """Raise ModelError unless every layer fits the one before it and every number is finite."""
    width = network.mean.shape
    fits = network.scale.shape == width and len(width) == 1
    for weight, bias in network.layers:
        fits = fits and weight.ndim == 2 and weight.shape[:1] == width and bias.shape == weight.shape[1:]
        width = bias.shape
    if not fits:
        raise ModelError(
            f"{path}: the layers of '{stage}' do not fit together, so it is not a model of this program"
        )
    numbers = [network.mean, network.scale, *(array for layer in network.layers for array in layer)]
    if not all(np.isfinite(array).all() for array in numbers):
        raise ModelError(f"{path}: '{stage}' holds numbers that are not finite; train again")

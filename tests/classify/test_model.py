"""A model file is what it says, or the error says what is wrong and how to mend it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sensor.classify import model
from sensor.classify.classifier import DEFAULT_MODEL, Classifier
from sensor.errors import ModelError

Arrays = dict[str, NDArray[Any]]


@pytest.fixture
def arrays() -> Arrays:
    with np.load(DEFAULT_MODEL, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def store(path: Path, arrays: Arrays, **changed: NDArray[Any]) -> Path:
    kept = {**arrays, **changed}
    kept.pop("sha256")
    model.write(path, kept)
    return path


def test_the_package_carries_a_model_of_at_most_two_megabytes() -> None:
    loaded = model.read(DEFAULT_MODEL)
    assert DEFAULT_MODEL.stat().st_size <= 2_000_000
    assert loaded.model_id == f"{loaded.name}+{loaded.sha256[:8]}"
    assert {"gunshot", "firework", "other_impulse", "non_impulse"} <= set(loaded.classes)
    assert 0.0 < loaded.prior < 1.0


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path, arrays: Arrays) -> None:
    first, second = store(tmp_path / "a.npz", arrays), store(tmp_path / "b.npz", arrays)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() == DEFAULT_MODEL.read_bytes()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.npz: no such file; set classify\.model"):
        Classifier.load(tmp_path / "absent.npz")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a readable model"):
        Classifier.load(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    whole = DEFAULT_MODEL.read_bytes()
    path = tmp_path / "cut.npz"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ModelError, match=r"cut\.npz"):
        Classifier.load(path)


def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    whole = DEFAULT_MODEL.read_bytes()
    path = tmp_path / "bent.npz"
    stated = model.read(DEFAULT_MODEL).sha256
    for place in range(0, len(whole), len(whole) // 60):
        bent = bytearray(whole)
        bent[place] ^= 0x10
        path.write_bytes(bent)
        try:
            read = model.read(path)
        except ModelError:
            continue
        assert read.sha256 == stated  # a bit of the archive's padding or dates


def test_altered_weights_are_refused(tmp_path: Path, arrays: Arrays) -> None:
    path = tmp_path / "altered.npz"
    changed = {**arrays, "sound.bias0": arrays["sound.bias0"] + 1.0}
    np.savez(path, **changed)  # type: ignore[arg-type]  # the stub takes the names for options
    with pytest.raises(ModelError, match="altered"):
        Classifier.load(path)


def test_another_format_is_refused(tmp_path: Path, arrays: Arrays) -> None:
    with pytest.raises(ModelError, match="model format 999, this program reads format"):
        Classifier.load(store(tmp_path / "new.npz", arrays, format=np.array(999)))


def test_a_pickle_is_refused_unread(tmp_path: Path, arrays: Arrays) -> None:
    path = tmp_path / "pickled.npz"
    np.savez(path, **{**arrays, "name": np.array([{"a": 1}], dtype=object)})  # type: ignore[arg-type]  # as above
    with pytest.raises(ModelError, match="not a readable model"):
        Classifier.load(path)


def test_an_array_larger_than_any_memory_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**14,)})
    path = tmp_path / "huge.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sound.mean.npy", header.getvalue())
    with pytest.raises(ModelError, match="not a readable model"):
        Classifier.load(path)


def test_a_bare_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.npy"
    np.save(path, np.zeros(3))
    with pytest.raises(ModelError, match="not a readable model"):
        Classifier.load(path)


@pytest.mark.parametrize(
    "lost",
    ["classes", "sound.mean", "sound.weight0", "echo.bias1", "format", "prior", "trees.left", "trees.depth"],
)
def test_a_missing_part_is_named(tmp_path: Path, arrays: Arrays, lost: str) -> None:
    del arrays[lost]
    with pytest.raises(ModelError, match="not a model of this program"):
        Classifier.load(store(tmp_path / "partial.npz", arrays))


def test_weights_for_other_features_are_refused(tmp_path: Path, arrays: Arrays) -> None:
    renamed = arrays["feature_names"].copy()
    renamed[0] = "something else"
    with pytest.raises(ModelError, match="other features"):
        Classifier.load(store(tmp_path / "other.npz", arrays, feature_names=renamed))


def test_layers_that_do_not_fit_together_are_refused(tmp_path: Path, arrays: Arrays) -> None:
    with pytest.raises(ModelError, match="do not fit"):
        Classifier.load(
            store(tmp_path / "odd.npz", arrays, **{"sound.weight0": arrays["sound.weight0"][:-1]})
        )


def test_weights_that_are_not_finite_are_refused(tmp_path: Path, arrays: Arrays) -> None:
    bad = arrays["echo.bias0"].copy()
    bad[0] = np.nan
    with pytest.raises(ModelError, match="not finite"):
        Classifier.load(store(tmp_path / "nan.npz", arrays, **{"echo.bias0": bad}))


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("trees.feature", lambda part: part + np.int16(5000)),  # an input that does not exist
        ("trees.left", lambda part: -part - np.int16(1)),
        ("trees.right", lambda part: part.astype(np.float32)),
        ("trees.value", lambda part: part[:-1]),
        ("trees.unknown_left", lambda part: part.astype("U1")),
        ("trees.softness", lambda part: part[:-1]),
        ("trees.depth", lambda _: np.array(0)),
        ("trees.depth", lambda _: np.array(10_000_000)),  # a walk without end
    ],
)
def test_trees_that_do_not_fit_together_are_refused(
    tmp_path: Path, arrays: Arrays, part: str, change: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    with pytest.raises(ModelError, match="the trees do not fit together"):
        Classifier.load(store(tmp_path / "odd.npz", arrays, **{part: change(arrays[part])}))


def test_thresholds_of_no_width_are_refused(tmp_path: Path, arrays: Arrays) -> None:
    bad = arrays["trees.softness"].copy()
    bad[3] = 0.0
    with pytest.raises(ModelError, match=r"'trees\.softness' holds widths that are not above zero"):
        Classifier.load(store(tmp_path / "sharp.npz", arrays, **{"trees.softness": bad}))


def test_trees_that_are_not_finite_are_refused(tmp_path: Path, arrays: Arrays) -> None:
    bad = arrays["trees.value"].copy()
    bad[0, 0] = np.inf
    with pytest.raises(ModelError, match="not finite"):
        Classifier.load(store(tmp_path / "inf.npz", arrays, **{"trees.value": bad}))


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("format", np.array("three"), "'format' is not one number"),
        ("prior", np.array([0.1, 0.2]), "'prior' is not one number"),
        ("prior", np.array(np.nan), "'prior' is not one number"),
        ("prior", np.array(1.0), "'prior' must lie between 0 and 1"),
        ("sound.limit", np.array(-5.0), "limits must be above zero"),
        ("trees.depth", np.array("deep"), "'trees.depth' is not one number"),
        ("classes", np.array(["gunshot", "firework", "non_impulse"]), "name every output"),
        ("classes", np.array(["firework", "gunshot", "other_impulse", "non_impulse"]), "begin with gunshot"),
        ("classes", np.array(["gunshot", "firework", "firework", "non_impulse"]), "name every output"),
        ("classes", np.array(["gunshot", "firework", "other_impulse", "other"]), "have non_impulse"),
        ("context_names", np.array(["count_1"]), "both networks must look at"),
        ("echo.bias1", np.zeros(3, np.float32), "layers of 'echo' do not fit"),
        ("classes", np.array("gunshot"), "'classes' is not a row of words"),
        ("feature_names", np.arange(3), "'feature_names' is not a row of words"),
        ("sound.mean", np.array(["loud"]), "'sound.mean' is <U4, not float32"),
        ("trees.value", np.array([[True]]), "'trees.value' is bool, not float32"),
        ("echo.weight0", np.zeros((3, 3), complex), "'echo.weight0' is complex128, not float32"),
    ],
)
def test_parts_that_mean_something_else_are_refused_when_they_are_read(
    tmp_path: Path, arrays: Arrays, name: str, value: NDArray[Any], rule: str
) -> None:
    with pytest.raises(ModelError, match=rule):
        model.read(store(tmp_path / "other.npz", arrays, **{name: value}))


def test_an_input_of_no_width_is_refused(tmp_path: Path, arrays: Arrays) -> None:
    scale = arrays["sound.scale"].copy()
    scale[3] = 0.0
    with pytest.raises(ModelError, match="scales and limits must be above zero"):
        model.read(store(tmp_path / "flat.npz", arrays, **{"sound.scale": scale}))


def test_an_echo_network_of_one_output_is_refused(tmp_path: Path, arrays: Arrays) -> None:
    narrow = {"echo.weight1": arrays["echo.weight1"][:, :1], "echo.bias1": arrays["echo.bias1"][:1]}
    with pytest.raises(ModelError, match="two outputs"):
        model.read(store(tmp_path / "narrow.npz", arrays, **narrow))

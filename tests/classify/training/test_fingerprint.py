"""Kept examples are used again only where nothing that they depend on has changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sensor.classify.training import fingerprint as kept
from sensor.classify.training.fingerprint import fingerprint, sources


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A corpus of one recording."""
    root = tmp_path / "corpus"
    (root / "street").mkdir(parents=True)
    for name in kept.TABLES:
        (root / name).write_text("path\n")
    (root / "street" / "one.flac").write_bytes(b"sound")
    return root


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package that a test may change."""
    copy = tmp_path / "sensor"
    shutil.copytree(kept.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "central"))
    monkeypatch.setattr(kept, "PACKAGE", copy)
    return copy


def altered(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    "file",
    [
        "sim/reverberation.py",
        "sim/day.py",
        "physics.py",
        "detect/onset.py",
        "classify/classifier.py",
        "pairing.py",
        "classify/training/street.py",
    ],
)
def test_another_code_makes_other_examples(package: Path, recordings: Path, file: str) -> None:
    before = fingerprint(recordings)
    with (package / file).open("a") as source:
        source.write("ANOTHER = 1\n")
    assert fingerprint(recordings) != before


def test_another_recording_makes_other_examples(recordings: Path) -> None:
    before = fingerprint(recordings)
    (recordings / "street" / "one.flac").write_bytes(b"Sound")
    assert fingerprint(recordings) != before
    (recordings / "street" / "one.flac").rename(recordings / "street" / "two.flac")
    assert fingerprint(recordings) != before


def test_what_no_example_depends_on_may_change(package: Path, recordings: Path) -> None:
    before = fingerprint(recordings)
    altered(package / "sim" / "air.py", '"""The air', '"""All the air')
    altered(package / "sim" / "air.py", "from __future__", "# a comment\nfrom __future__")
    altered(package / "classify" / "trees.py", "32", "33")
    (recordings / "README.md").write_text("of the corpus")
    assert fingerprint(recordings) == before


def test_all_that_makes_examples_is_looked_at() -> None:
    """What the making imports by name is there, down to the simulator; no other stage is."""
    names = {path.relative_to(kept.PACKAGE).as_posix() for path in sources()}
    assert {"classify/features.py", "detect/detector.py", "sim/blasts.py", "types.py"} <= names
    assert {name for name in names if name.startswith(("timing/", "uplink/", "capture/", "replay/"))} == set()

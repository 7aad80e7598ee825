"""Which files are read, in which order, under which names."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.replay.recordings import RecordingFile, Unreadable, find_recordings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with audio at several depths and other things between."""
    for name in (
        "b.wav",
        "a.FLAC",
        "notes.txt",
        "z/1.ogg",
        "z/deep/0.wav",
        "a/9.wav",
        ".hidden/h.wav",
        "._b.wav",
    ):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*arguments: str) -> list[str]:
    return [item.name for item in find_recordings(arguments)]


@pytest.mark.usefixtures("folder")
def test_a_folder_gives_its_audio_sorted_and_deep() -> None:
    assert names("tree") == ["tree/a/9.wav", "tree/a.FLAC", "tree/b.wav", "tree/z/1.ogg", "tree/z/deep/0.wav"]


@pytest.mark.parametrize("typed", ["tree/", "./tree", "../{}/tree"])
def test_names_begin_with_the_argument_as_it_was_typed(folder: Path, typed: str) -> None:
    typed = typed.format(folder.name)
    prefix = typed if typed.endswith("/") else f"{typed}/"
    assert names(typed)[0] == f"{prefix}a/9.wav"


@pytest.mark.usefixtures("folder")
def test_arguments_keep_their_order_and_repeat_nothing() -> None:
    assert names("tree/z", "tree/b.wav", "tree/z") == ["tree/z/1.ogg", "tree/z/deep/0.wav", "tree/b.wav"]


def test_a_recording_under_two_spellings_is_one(folder: Path) -> None:
    (folder / "link").symlink_to("tree")
    (folder / "tree" / "c.wav").symlink_to("b.wav")
    spellings = (
        "tree",
        "./tree",
        f"{folder}/tree/",
        "tree/../tree",
        "link",
        "link/b.wav",
        "./tree/notes.txt",
    )
    assert names(*spellings) == [*names("tree"), "./tree/notes.txt"]
    assert "tree/c.wav" in names("tree")


@pytest.mark.usefixtures("folder")
def test_a_file_named_outright_is_tried_whatever_it_is_called() -> None:
    assert list(find_recordings(["tree/notes.txt", "nowhere.wav"])) == [
        RecordingFile("tree/notes.txt", Path("tree/notes.txt")),
        RecordingFile("nowhere.wav", Path("nowhere.wav")),
    ]


def test_a_folder_without_audio_is_said(folder: Path) -> None:
    (folder / "empty").mkdir()
    assert list(find_recordings(["empty"])) == [Unreadable("empty", "holds no audio file")]


def test_a_link_back_up_the_tree_ends(folder: Path) -> None:
    (folder / "tree" / "loop").symlink_to(folder / "tree")
    assert names("tree") == names("tree")
    assert len(names("tree")) == 5

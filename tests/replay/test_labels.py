"""Listed onsets: what of the table is understood and how files are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.errors import ConfigError
from sensor.replay.labels import FileTruth, Onset, read_labels
from sensor.replay.recordings import RecordingFile

EVENTS = (
    "path,onset_s,label,weapon,distance_m,shot,predicted_onset_s,truth_source,spl_db,peak_over_floor_db,clipped,audible\n"
    "street/a.flac,3.4,gunshot,45 Cal,331.6,0,3.4,tuple,93.6,50.0,1,yes\n"
    "street/a.flac,2.2,gunshot,45 Cal,331.6,1,2.2,predicted_only,,-1501.2,0,no\n"
)
FILES = "path,label,group\nstreet/a.flac,gunshot,FP1\ndogs/d.wav,neg_dog,fold1\nrange/r.wav,gunshot,range_A\n"


@pytest.fixture
def files(tmp_path: Path) -> list[RecordingFile]:
    """As a replay of the folder finds them."""
    (tmp_path / "events.csv").write_text(EVENTS)
    (tmp_path / "files.csv").write_text(FILES)
    names = ("street/a.flac", "dogs/d.wav", "range/r.wav", "street/new.wav")
    return [RecordingFile(f"x/{name}", tmp_path / name) for name in names]


def test_onsets_are_sorted_and_know_whether_they_count(tmp_path: Path, files: list[RecordingFile]) -> None:
    about = read_labels(tmp_path / "events.csv", files)["x/street/a.flac"]
    assert [(onset.onset_s, onset.counted, onset.shot) for onset in about.onsets] == [
        (2.2, False, 1),
        (3.4, True, 0),
    ]
    assert (about.onsets[1].level_db, about.onsets[0].level_db) == (93.6, -1501.2)


def test_groups_and_labels_come_from_the_table_of_files_beside(
    tmp_path: Path, files: list[RecordingFile]
) -> None:
    truth = read_labels(tmp_path / "events.csv", files)
    assert {name: (about.group, about.label) for name, about in truth.items()} == {
        "x/street/a.flac": ("FP1", "gunshot"),
        "x/dogs/d.wav": ("fold1", "neg_dog"),
        "x/range/r.wav": ("range_A", "gunshot"),
        "x/street/new.wav": ("x", ""),
    }
    assert [name for name, about in truth.items() if about.unlisted_shots] == ["x/range/r.wav"]


def test_a_table_of_paths_and_onsets_alone_counts_them_all(
    tmp_path: Path, files: list[RecordingFile]
) -> None:
    (tmp_path / "files.csv").unlink()
    (tmp_path / "plain.csv").write_text("path,onset_s,group\nstreet/a.flac,1.5,mine\n")
    about = read_labels(tmp_path / "plain.csv", files)["x/street/a.flac"]
    assert (about.group, [onset.counted for onset in about.onsets]) == ("mine", [True])


def test_other_sounds_are_known_and_are_no_shots(tmp_path: Path, files: list[RecordingFile]) -> None:
    (tmp_path / "events.csv").write_text(
        "path,onset_s,label\nstreet/a.flac,1.5,firework\nstreet/a.flac,2.5,gunshot\n"
    )
    about = read_labels(tmp_path / "events.csv", files)["x/street/a.flac"]
    assert about.others == [(1.5, "firework")]
    assert [onset.onset_s for onset in about.onsets] == [2.5]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,time\na,1\n", "has no column path, onset_s"),
        ("path,onset_s\nstreet/a.flac,soon\n", ":2 onset_s: soon is no number"),
        ("path,onset_s\nstreet/a.flac,\n", ":2 onset_s: is empty"),
        ("path,onset_s\nelsewhere/z.wav,1\n", "lists none of the 4 files"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(
    tmp_path: Path, files: list[RecordingFile], text: str, says: str
) -> None:
    (tmp_path / "files.csv").unlink()
    (tmp_path / "events.csv").write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_labels(tmp_path / "events.csv", files)


def test_windows_are_merged_and_kept_inside_the_file() -> None:
    onsets = [Onset(onset_s=onset_s, counted=True) for onset_s in (0.1, 1.0, 5.0, 9.5, 60.0)]
    assert FileTruth("f", "g", onsets=onsets).windows(10.0) == [
        (0.0, 3.0), (pytest.approx(4.85), 7.0), (pytest.approx(9.35), 10.0),
    ]  # fmt: skip

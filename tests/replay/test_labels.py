"""Listed onsets: what of the table is understood and how files are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensor.errors import ConfigError
from sensor.replay.labels import FileTruth, Onset, beyond_end, read_labels
from sensor.replay.recordings import RecordingFile, find_recordings

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
    return [RecordingFile(f"x/{name}", tmp_path / name, name) for name in names]


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
        "x/street/new.wav": ("street", ""),
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
        ("path,onset_s\n", "events.csv: has no rows"),
        ("path,onset_s\nstreet/a.flac,-0.1\n", ":2 onset_s: -0.1 is not between 0"),
        ("path,onset_s\nstreet/a.flac,nan\n", ":2 onset_s: nan is not between 0"),
        (
            "path,onset_s\nstreet/a.flac,1\nstreet/a.flac,2\nstreet/a.flac,1.0\n",
            ":4 onset_s: 1 s of street/a.flac is listed twice, first in line 2",
        ),
        ("path,onset_s\nstreet/a.flac,1\n./street/a.flac,1\n", ":3 onset_s: .* listed twice"),
        ("path,onset_s\nelsewhere/z.wav,1\nelsewhere/z.wav,1\n", ":3 onset_s: .* listed twice|none of"),
        ("path,onset_s,onset_s\nstreet/a.flac,1,2\n", ":1 names column onset_s twice"),
        ("path,onset_s\nstreet/a.flac,1,5\n", ":2 has 3 cells below 2 columns; write decimals with a point"),
        ("path,onset_s,label\nstreet/a.flac,1,5\n", ":2 label: 5 is no word"),
        ("path,onset_s,shot\nstreet/a.flac,1,0.9\n", ":2 shot: 0.9 is no whole number"),
        ("path,onset_s,label\nstreet/a.flac,1,\n", ":2 label: is empty"),
        ("path,onset_s,label\nstreet/a.flac,1\n", ":2 label: is empty"),
        ("path,onset_s\n,1\n", ":2 path: is empty"),
        (
            "path,onset_s,group\nstreet/a.flac,1,east\nstreet/a.flac,2,west\n",
            ":3 group: west is not east, the group of street/a.flac in line 2",
        ),
    ],
)
def test_a_table_that_cannot_be_used_says_why(
    tmp_path: Path, files: list[RecordingFile], text: str, says: str
) -> None:
    (tmp_path / "files.csv").unlink()
    (tmp_path / "events.csv").write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_labels(tmp_path / "events.csv", files)


@pytest.mark.parametrize(
    ("spl_db", "over_floor_db", "level_db"),
    [("0", "30", 0.0), ("", "0", 0.0), ("", "30", 30.0), ("", "", None)],
)
def test_a_level_of_0_db_is_one(
    tmp_path: Path, files: list[RecordingFile], spl_db: str, over_floor_db: str, level_db: float | None
) -> None:
    row = f"street/a.flac,1,{spl_db},{over_floor_db}"
    (tmp_path / "events.csv").write_text(f"path,onset_s,spl_db,peak_over_floor_db\n{row}\n")
    (onset,) = read_labels(tmp_path / "events.csv", files)["x/street/a.flac"].onsets
    assert onset.level_db == level_db


def test_windows_are_merged_and_touch_the_file() -> None:
    onsets = [Onset(onset_s=onset_s, counted=True) for onset_s in (0.1, 1.0, 5.0, 9.5, 60.0)]
    found = FileTruth("f", "g", onsets=onsets).windows(10.0)
    np.testing.assert_allclose(found, [(-0.05, 3.0), (4.85, 7.0), (9.35, 11.5)])


def test_labels_and_sources_are_compared_whatever_their_case(
    tmp_path: Path, files: list[RecordingFile]
) -> None:
    (tmp_path / "files.csv").write_text("path,label\nrange/r.wav,Gunshot\n")
    (tmp_path / "events.csv").write_text(
        "path,onset_s,label,truth_source\n"
        "street/a.flac,1.5, GunShot ,Tuple\nstreet/a.flac,2,Gunshot,Guessed\n"
    )
    truth = read_labels(tmp_path / "events.csv", files)
    assert [onset.counted for onset in truth["x/street/a.flac"].onsets] == [True, False]
    assert truth["x/range/r.wav"].unlisted_shots
    assert truth["x/range/r.wav"].has_shots


def told_of(table: Path, text: str, files: list[RecordingFile]) -> tuple[list[Onset], list[str]]:
    """Onsets of street/a.flac, and the lines about what does not count."""
    table.write_text(text)
    told: list[str] = []
    onsets = read_labels(table, files, told.append)["x/street/a.flac"].onsets
    return onsets, [line for line in told if "are not listed in" not in line]


def test_what_begins_with_gunshot_is_one(tmp_path: Path, files: list[RecordingFile]) -> None:
    text = "path,onset_s,label\nstreet/a.flac,1,Gunshot burst\nstreet/a.flac,2,gunshot_suppressed\n"
    onsets, told = told_of(tmp_path / "events.csv", text, files)
    assert ([onset.onset_s for onset in onsets], told) == ([1.0, 2.0], [])


def test_other_labels_than_gunshot_are_told(tmp_path: Path, files: list[RecordingFile]) -> None:
    table = tmp_path / "events.csv"
    none = "path,onset_s,label\nstreet/a.flac,1,shot\nstreet/a.flac,2,shot\n"
    assert told_of(table, none, files) == (
        [],
        [f"{table}: none of its 2 rows is a gunshot; labels: shot; write gunshot for gunshots"],
    )
    onsets, told = told_of(table, f"{none}street/a.flac,3,gunshot\nstreet/a.flac,4,dog\n", files)
    assert [onset.onset_s for onset in onsets] == [3.0]
    assert told == [f"{table}: no gunshot in 3 of its 4 rows; labels: shot, dog"]


def test_a_source_that_does_not_count_is_told(tmp_path: Path, files: list[RecordingFile]) -> None:
    text = (
        "path,onset_s,truth_source\nstreet/a.flac,1,manual\nstreet/a.flac,2,manual\nstreet/a.flac,3,\n"
        "street/a.flac,4,simulated\nelsewhere.wav,5,manual\n"
    )
    onsets, told = told_of(tmp_path / "events.csv", text, files)
    assert [onset.counted for onset in onsets] == [False, False, True, True]
    (line,) = told[1:]
    assert line == (
        "2 listed onsets are not counted: truth_source manual; "
        "what counts is allpulses, simulated, tuple, an empty cell, or no such column"
    )
    _, told = told_of(tmp_path / "events.csv", "path,onset_s,truth_source\nstreet/a.flac,1,x\n", files)
    assert told[0].startswith("1 listed onset is not counted: truth_source x;")


def test_without_numbers_a_round_is_first_after_a_pause(tmp_path: Path, files: list[RecordingFile]) -> None:
    """2.5 s and 3.0 s are within the window of the round before; 5.1 s is not."""
    times = "street/a.flac,3.0\nstreet/a.flac,1.0\nstreet/a.flac,5.1\nstreet/a.flac,2.5\n"
    onsets, told = told_of(tmp_path / "events.csv", f"path,onset_s\n{times}", files)
    assert [(onset.onset_s, onset.shot) for onset in onsets] == [(1.0, 0), (2.5, 1), (3.0, 2), (5.1, 0)]
    assert told == []
    cells = "street/a.flac,1.0,4\nstreet/a.flac,2.0,\nstreet/a.flac,9.0,\n"
    onsets, _ = told_of(tmp_path / "events.csv", f"path,onset_s,shot\n{cells}", files)
    assert [onset.shot for onset in onsets] == [4, 5, 0]


def test_rounds_counted_from_1_are_told_and_counted_from_0(
    tmp_path: Path, files: list[RecordingFile]
) -> None:
    table = tmp_path / "events.csv"
    rows = "street/a.flac,1,2\nstreet/a.flac,3,1\ndogs/d.wav,2,1\n"
    onsets, told = told_of(table, f"path,onset_s,shot\n{rows}", files)
    assert [onset.shot for onset in onsets] == [1, 0]
    assert told == [
        f"{table}: no gunshot is shot 0, so its rounds are taken as counted from 1",
        "before the first listed round of 1 recording nothing counts, for it is not shot 0: x/street/a.flac",
    ]


def test_a_recording_whose_first_round_was_not_heard_does_not_begin_with_a_first_round(
    tmp_path: Path, files: list[RecordingFile]
) -> None:
    """As long as any other does, the table counts from 0."""
    rows = "street/a.flac,1,1\nstreet/a.flac,3,2\ndogs/d.wav,2,0\n"
    onsets, told = told_of(tmp_path / "events.csv", f"path,onset_s,shot\n{rows}", files)
    assert [onset.shot for onset in onsets] == [1, 2]
    assert told == [
        "before the first listed round of 1 recording nothing counts, for it is not shot 0: x/street/a.flac"
    ]


def test_what_matches_nothing_is_told(tmp_path: Path, files: list[RecordingFile]) -> None:
    (tmp_path / "files.csv").unlink()
    (tmp_path / "events.csv").write_text(
        "path,onset_s\nstreet/a.flac,1\nSTREET/A.flac,2\nold/b.flac,1\nold/b.flac,2\n"
    )
    told: list[str] = []
    read_labels(tmp_path / "events.csv", files, told.append)
    table = tmp_path / "events.csv"
    assert told == [
        f"3 of 4 recordings are not listed in {table}: x/dogs/d.wav, x/range/r.wav, x/street/new.wav",
        f"3 of 4 rows of {table} name no recording: {table}:3 path STREET/A.flac, {table}:4 path old/b.flac",
    ]


def test_rows_of_the_table_of_files_that_match_nothing_are_told(
    tmp_path: Path, files: list[RecordingFile]
) -> None:
    beside = tmp_path / "files.csv"
    beside.write_text(f"{FILES}zzz.wav,gunshot,fold1\n")
    told: list[str] = []
    read_labels(tmp_path / "events.csv", files, told.append)
    rows = FILES.count("\n")
    assert f"1 of {rows} rows of {beside} name no recording: {beside}:{rows + 1} path zzz.wav" in told


def test_a_file_named_from_its_own_folder_is_of_the_group_of_that_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "roof.wav").touch()
    (tmp_path / "lab" / "d.csv").write_text("path,onset_s\nroof.wav,1\n")
    monkeypatch.chdir(tmp_path / "lab")
    for spelt in ("roof.wav", "../lab/roof.wav", str(tmp_path / "lab" / "roof.wav")):
        files = [file for file in find_recordings([spelt]) if isinstance(file, RecordingFile)]
        assert [about.group for about in read_labels(Path("d.csv"), files).values()] == ["lab"]


def test_a_table_without_onsets_serves_recordings_without_shots(
    tmp_path: Path, files: list[RecordingFile]
) -> None:
    (tmp_path / "events.csv").write_text("path,onset_s\n")
    assert read_labels(tmp_path / "events.csv", files)["x/dogs/d.wav"].label == "neg_dog"


def test_a_file_that_the_table_of_files_names_twice_is_refused(
    tmp_path: Path, files: list[RecordingFile]
) -> None:
    (tmp_path / "files.csv").write_text(f"{FILES}./dogs/d.wav,gunshot,fold1\n")
    with pytest.raises(ConfigError, match=r"files.csv:5 path: ./dogs/d.wav is listed twice, first in line 3"):
        read_labels(tmp_path / "events.csv", files)


def test_one_recording_under_several_names_keeps_its_labels(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.wav").touch()
    (tmp_path / "tree" / "b.wav").symlink_to("a.wav")
    (tmp_path / "events.csv").write_text("path,onset_s\ntree/a.wav,1\n")
    files = [file for file in find_recordings([str(tmp_path)]) if isinstance(file, RecordingFile)]
    told: list[str] = []
    truth = read_labels(tmp_path / "events.csv", files, told.append)
    assert [[onset.onset_s for onset in about.onsets] for about in truth.values()] == [[1.0], [1.0]]
    assert told == [f"1 recording counted under more than one name: {files[0].name} = {files[1].name}"]
    (tmp_path / "events.csv").write_text("path,onset_s\ntree/a.wav,1\ntree/b.wav,2\n")
    truth = read_labels(tmp_path / "events.csv", files)
    assert [[onset.onset_s for onset in about.onsets] for about in truth.values()] == [[1.0], [2.0]]


def test_the_group_of_an_unlisted_file_is_its_folder_below_the_argument(tmp_path: Path) -> None:
    for name in ("a.wav", "east/b.wav", "west/deep/c.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "d.csv").write_text("path,onset_s\na.wav,1\n")
    found = find_recordings([str(tmp_path), str(tmp_path / "a.wav")])
    files = [file for file in found if isinstance(file, RecordingFile)]
    truth = read_labels(tmp_path / "d.csv", files)
    assert [about.group for about in truth.values()] == ["files", "east", "west"]


@pytest.mark.parametrize("spelt", ["set/", "./set/", "{}/set/"])
@pytest.mark.parametrize(
    ("arguments", "groups"),
    [
        (["set"], ["east", "west"]),
        (["set/west", "./set/east"], ["deep", "files"]),
        (["set/east/a.wav", "set/west/deep/b.wav"], ["east", "deep"]),
    ],
)
def test_the_group_of_a_listed_file_does_not_depend_on_how_the_table_spells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], groups: list[str], spelt: str
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("east/a.wav", "west/deep/b.wav")
    for name in names:
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        (tmp_path / "set" / name).touch()
    folder = spelt.format(tmp_path)
    (tmp_path / "d.csv").write_text("path,onset_s\n" + "".join(f"{folder}{name},1\n" for name in names))
    files = [file for file in find_recordings(arguments) if isinstance(file, RecordingFile)]
    truth = read_labels(tmp_path / "d.csv", files)
    assert [about.group for about in truth.values()] == groups
    assert all(len(about.onsets) == 1 for about in truth.values())


def test_times_beyond_the_end_are_named() -> None:
    about = FileTruth("f", "g", onsets=[Onset(onset_s=9.0, counted=True)], others=[(12.0, "dog")])
    assert beyond_end({"f": about, "h": about}, {"f": 9.0}) == ["9 s in f (9.00 s)", "12 s in f (9.00 s)"]
    assert beyond_end({"f": about}, {"f": 60.0}) == []

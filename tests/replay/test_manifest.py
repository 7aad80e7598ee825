"""Times and places of recordings: what is understood, and what is refused and how."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import ConfigError
from sensor.replay.manifest import number, read_manifest
from sensor.replay.recordings import RecordingFile
from sensor.sim.render import iso_utc
from sensor.timing.utc_text import utc_ns_from_iso


@pytest.mark.parametrize(
    ("text", "utc_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-06-14T21:04:00Z", 1_781_471_040 * 10**9),
        ("2026-06-14T17:04:00-04:00", 1_781_471_040 * 10**9),
        ("2026-06-14 21:04Z", 1_781_471_040 * 10**9),
        ("2026-06-14T21:04:00.000000001Z", 1_781_471_040 * 10**9 + 1),
        ("2026-06-14T21:04:00.25+0000", 1_781_471_040 * 10**9 + 250_000_000),
    ],
)
def test_utc_is_read_to_the_nanosecond(text: str, utc_ns: int) -> None:
    assert utc_ns_from_iso(text) == utc_ns


@given(st.integers(0, 4_000_000_000 * 10**9))
def test_every_written_time_is_read_back(utc_ns: int) -> None:
    assert utc_ns_from_iso(iso_utc(utc_ns)) == utc_ns


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2026-06-14T21:04:00", "does not say its time zone"),
        ("2026-06-14", "is no date and time"),
        ("9999-12-31T23:59:59Z", "is after 2261"),
        ("2262-01-01T00:00:00Z", "is after 2261"),
        ("yesterday", "is no date and time"),
        ("2026-06-14T12:30.5Z", "is no date and time"),
        ("2026-13-14T21:04:00Z", "month"),
        ("1969-12-31T23:59:59Z", "before 1970"),
        ("", "is no date and time"),
    ],
)
def test_a_time_that_could_mean_two_things_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        utc_ns_from_iso(text)


def manifest(folder: Path, text: str) -> tuple[Path, list[RecordingFile]]:
    table = folder / "manifest.csv"
    table.write_text(text, encoding="utf-8")
    return table, [RecordingFile(f"x/{name}", folder / name) for name in ("a.wav", "b.wav")]


def test_rows_are_found_by_their_path_below_the_manifest(tmp_path: Path) -> None:
    table, files = manifest(
        tmp_path,
        "path,start_utc,node,lat_deg,lon_deg,height_m,sigma_m\na.wav,1970-01-01T00:00:01Z,roof-1,36,-78.9,120,0.5\n",
    )
    made = read_manifest(table, files)
    assert set(made) == {"x/a.wav"}
    assert made["x/a.wav"].start_utc_ns == 10**9
    assert made["x/a.wav"].node == "roof-1"
    position = made["x/a.wav"].position
    assert position is not None
    assert (position.lat_deg, position.sigma_m) == (36.0, 0.5)


def test_a_manifest_that_was_moved_finds_its_files_by_the_end_of_their_path(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    table, _ = manifest(tmp_path / "elsewhere", "path,start_utc\nday1/a.wav,1970-01-01T00:00:01Z\n")
    files = [
        RecordingFile("day1/a.wav", tmp_path / "day1/a.wav"),
        RecordingFile("day2/a.wav", tmp_path / "day2/a.wav"),
    ]
    assert set(read_manifest(table, files)) == {"day1/a.wav"}


def test_an_ending_that_fits_two_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    table, _ = manifest(tmp_path / "elsewhere", "path,start_utc\na.wav,1970-01-01T00:00:01Z\n")
    files = [
        RecordingFile("day1/a.wav", tmp_path / "day1/a.wav"),
        RecordingFile("day2/a.wav", tmp_path / "day2/a.wav"),
    ]
    with pytest.raises(ConfigError, match=r"could be day1/a\.wav or day2/a\.wav"):
        read_manifest(table, files)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,start\na.wav,x\n", r":1 has no column path, start_utc"),
        ("path,start_utc\na.wav,2026-06-14T21:04:00\n", r":2 start_utc: .* does not say its time zone"),
        ("path,start_utc,node\na.wav,,Roof 1\n", r":2 node: Roof 1 is no node's name"),
        ("path,start_utc,lat_deg\na.wav,,36\n", r":2 lat_deg, lon_deg, height_m: give all three"),
        ("path,start_utc,lat_deg,lon_deg,height_m\na.wav,,north,1,1\n", r":2 lat_deg: north is no number"),
        (
            "path,start_utc,lat_deg,lon_deg,height_m\na.wav,,91,1,1\n",
            r":2 lat_deg: 91 is not between -90 and 90",
        ),
        ("path,start_utc\na.wav,\na.wav,\n", r":3 path: a.wav is listed twice, first in line 2"),
        ("path,start_utc\na.wav,\n./a.wav,\n", r":3 path: \./a.wav is x/a.wav, which line 2 lists as a.wav"),
        ("path,start_utc\na.wav,\nx/../a.wav,\n", r":3 path: x/\.\./a.wav is x/a.wav"),
        ("path|start_utc\n", r":1 has no column .*, separated by commas, semicolons or tabs"),
        ("path" * 40_000 + "\n", r":1 is no row of a CSV: field larger than field limit"),
        ("path,start_utc\n", r"has no rows"),
        ("path,start_utc\n,,\n\n", r"has no rows"),
        ('path,start_utc\na.wav,\n"b.wav,\nc.wav,\n', r":3 is no row of a CSV: .* a quote may not be closed"),
        ('path,start_utc\n\n"a.wav,\nb.wav",\n', r":3 has a cell that goes on in the next line"),
        ("path,start_utc\na.wav,\nb\0.wav,\n", r":3 holds a NUL byte"),
        ("path,start_utc,node,node\na.wav,,a,b\n", r":1 names column node twice"),
        ("path,start_utc,lat_deg,lon_deg,height_m\na.wav,,35,9,8,1,120\n", r":2 has 7 cells below 5 columns"),
        ("path,start_utc\na.wav,9999-01-01T00:00:00Z\n", r":2 start_utc: .* is after 2261"),
        ("path,start_utc,start_sigma_ms\na.wav,,5\n", r":2 start_sigma_ms: .* start_utc is empty"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_manifest(*manifest(tmp_path, text))


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_cells_are_separated_as_the_names_of_the_columns_are(tmp_path: Path, mark: str) -> None:
    rows = (("path", "note", "start_utc"), ("a.wav", "x,y" if mark != "," else "x;y", "1970-01-01T00:00:01Z"))
    table, files = manifest(tmp_path, "".join(f"{mark.join(row)}\r\n" for row in rows))
    assert read_manifest(table, files)["x/a.wav"].start_utc_ns == 10**9
    table.write_text(table.read_text(encoding="utf-8-sig"), encoding="utf-8-sig")  # as spreadsheets write it
    assert set(read_manifest(table, files)) == {"x/a.wav"}


@pytest.mark.parametrize("text", ["3_7", "3,7", "0x10", "3 7", "_"])
def test_a_slip_of_the_pen_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match=f"lat_deg: {text} is no number; write it like 3.7"):
        number({"lat_deg": text}, "lat_deg", -90.0, 90.0)


def test_a_table_that_is_not_text_is_refused(tmp_path: Path) -> None:
    table, files = manifest(tmp_path, "")
    table.write_bytes(b"\xff\xfe\x00path")
    with pytest.raises(ConfigError, match="no CSV in UTF-8"):
        read_manifest(table, files)
    table.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_manifest(table, files)


def test_the_last_times_that_are_taken_fit_into_64_bits() -> None:
    assert utc_ns_from_iso("2261-12-31T23:59:59.999999999-23:59") < 2**63 - 10**15


def test_empty_cells_beyond_the_columns_and_empty_rows_do_no_harm(tmp_path: Path) -> None:
    table, files = manifest(tmp_path, "path,start_utc,,\r\n,,,,\r\na.wav,1970-01-01T00:00:01Z,,,,\r\n")
    assert read_manifest(table, files)["x/a.wav"].start_utc_ns == 10**9


def test_rows_of_two_names_of_one_recording_are_kept_apart_while_both_are_read(tmp_path: Path) -> None:
    table, files = manifest(
        tmp_path, "path,start_utc\na.wav,1970-01-01T00:00:01Z\nb.wav,1970-01-01T00:00:02Z\n"
    )
    (tmp_path / "a.wav").touch()
    (tmp_path / "b.wav").symlink_to("a.wav")
    made = read_manifest(table, files)
    assert [made[file.name].start_utc_ns for file in files] == [10**9, 2 * 10**9]
    third = tmp_path / "c.wav"
    third.symlink_to("a.wav")
    with pytest.raises(ConfigError, match=r":3 path: b.wav is c, which line 2 lists as a.wav"):
        read_manifest(table, [RecordingFile("c", third)])


def test_a_folder_behind_a_link_is_the_same_folder(tmp_path: Path) -> None:
    (tmp_path / "store" / "day").mkdir(parents=True)
    (tmp_path / "link").symlink_to("store/day")
    table, _ = manifest(tmp_path / "store" / "day", "path,start_utc\na.wav,1970-01-01T00:00:01Z\n")
    file = RecordingFile("link/a.wav", tmp_path / "link" / "a.wav")
    wrong = RecordingFile("link/../a.wav", tmp_path / "link" / ".." / "a.wav")  # store/a.wav
    assert set(read_manifest(table, [file, wrong])) == {"link/a.wav"}

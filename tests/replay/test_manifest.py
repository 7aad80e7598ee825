"""Times and places of recordings: what is understood, and what is refused and how."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.errors import ConfigError
from sensor.replay.manifest import read_manifest, utc_ns_from_iso
from sensor.replay.recordings import RecordingFile
from sensor.sim.render import iso_utc


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
        ("yesterday", "is no date and time"),
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
        ("path,start_utc\na.wav,\na.wav,\n", r":3 path: a.wav is listed twice"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_manifest(*manifest(tmp_path, text))


def test_a_table_that_is_not_text_is_refused(tmp_path: Path) -> None:
    table, files = manifest(tmp_path, "")
    table.write_bytes(b"\xff\xfe\x00path")
    with pytest.raises(ConfigError, match="no CSV in UTF-8"):
        read_manifest(table, files)
    table.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_manifest(table, files)

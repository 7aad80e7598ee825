"""Records: what is saved is what is read; what is damaged or foreign is refused; nothing is half written."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.calibrate import record
from sensor.calibrate.record import (
    LatencyCalibration,
    LevelCalibration,
    NoiseSurvey,
    PositionSurvey,
    load_latency,
    load_level,
    load_noise,
    load_position,
    save,
    stable_identity,
)
from sensor.errors import CalibrationError

DEVICE = "usb:0d8c:0014 (USB Audio: - (hw:1,0) card:Device at port:1-1.3)"


def a_level(**changes: object) -> LevelCalibration:
    values: dict[str, object] = {
        "device": DEVICE,
        "utc": "2026-03-01T12:00:00Z",
        "method": "sound calibrator",
        "full_scale_db_spl": 117.01,
        "sigma_db": 0.55,
        "parts_db": {"readings": 0.01, "calibrator": 0.23, "coupling": 0.5},
        "rate_hz": 48000,
        "channel": 0,
        "calibrator_level_db": 94.0,
        "calibrator_frequency_hz": 1000.02,
    }
    return LevelCalibration(**{**values, **changes})  # type: ignore[arg-type]  # values of every type by name


def a_latency() -> LatencyCalibration:
    return LatencyCalibration(
        device=DEVICE,
        utc="2026-03-01T12:00:00Z",
        method="pulse per second",
        latency_s=0.0034,
        sigma_s=1e-5,
        rate_hz=48000,
        pulses=60,
    )


def test_what_was_saved_is_read_back_with_its_id(tmp_path: Path) -> None:
    for saved, load in (
        (a_level(remarks=("a tone",), temperature_c=-3.5), lambda: load_level(tmp_path, DEVICE)),
        (a_latency(), lambda: load_latency(tmp_path, DEVICE, rate_hz=48000)),
        (
            NoiseSurvey(
                device=DEVICE,
                utc="2026-03-01T12:00:00Z",
                method="survey",
                rate_hz=48000,
                channel=0,
                duration_s=60.0,
                laeq_dbfs=-60.0,
                percentiles_dbfs={"L50": -61.0},
                bands_dbfs={"1000": -70.0},
                floor_dbfs=-62.0,
            ),
            lambda: load_noise(tmp_path, DEVICE),
        ),
        (
            PositionSurvey(
                device="",
                utc="2026-03-01T12:00:00Z",
                method="gpsd",
                lat_deg=35.99,
                lon_deg=-78.9,
                height_m=95.0,
                sigma_m=1.2,
                height_sigma_m=2.0,
                duration_s=3600.0,
                fixes=3600,
            ),
            lambda: load_position(tmp_path),
        ),
    ):
        path = save(saved, tmp_path)
        assert load() == saved
        assert json.loads(path.read_text())["id"] == saved.id
        assert path.stat().st_mode & 0o777 == 0o644, "the daemon must be able to read it"


def test_nothing_saved_is_none_not_an_error(tmp_path: Path) -> None:
    assert load_level(tmp_path, DEVICE) is None
    assert load_latency(tmp_path / "absent", DEVICE) is None


def test_the_record_before_is_kept_in_the_history(tmp_path: Path) -> None:
    first, second = a_level(), a_level(utc="2026-04-01T12:00:00Z", full_scale_db_spl=118.0)
    save(first, tmp_path)
    save(second, tmp_path)
    assert load_level(tmp_path, DEVICE) == second
    kept = sorted(path.name for path in (tmp_path / "calibration" / "history").iterdir())
    assert kept == [
        f"level-20260301T120000Z-{first.id}.json",
        f"level-20260401T120000Z-{second.id}.json",
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (DEVICE, "usb:0d8c:0014 (USB Audio: - (hw:3,0) card:Device at port:1-1.2)", True),
        (DEVICE, "usb:0d8c:0014", True),
        (DEVICE, "usb:0d8c:0015 (USB Audio: - (hw:1,0) card:Device at port:1-1.3)", False),
        (DEVICE, "usb:0d8c:0014:A1 (USB Audio: - (hw:1,0))", False),
        ("name:USB Audio: - (hw:1,0)", "name:USB Audio: - (hw:2,0)", True),
        ("name:USB Audio: - (hw:1,0)", "name:Webcam: - (hw:1,0)", False),
        ("card:Mic", "card:Mic (snd: x (hw:0,0))", True),
    ],
)
def test_a_record_belongs_to_one_device_whatever_number_it_gets(
    one: str, other: str, *, same: bool, tmp_path: Path
) -> None:
    assert (stable_identity(one) == stable_identity(other)) is same
    save(a_level(device=one), tmp_path)
    if same:
        assert load_level(tmp_path, other) is not None
    else:
        with pytest.raises(CalibrationError, match=r"belongs to device.*calibrate_level\.py again"):
            load_level(tmp_path, other)


def test_another_channel_or_rate_is_refused(tmp_path: Path) -> None:
    save(a_level(), tmp_path)
    save(a_latency(), tmp_path)
    with pytest.raises(CalibrationError, match="channel 0, not 1"):
        load_level(tmp_path, DEVICE, channel=1)
    with pytest.raises(CalibrationError, match="48000 Hz, the device now runs at 44100 Hz"):
        load_latency(tmp_path, DEVICE, rate_hz=44100)


@given(position=st.integers(0, 400), value=st.integers(0, 255))
def test_any_changed_byte_is_noticed_or_harmless(position: int, value: int) -> None:
    """A flipped byte gives the same record or a CalibrationError, never another figure."""
    import tempfile  # noqa: PLC0415  hypothesis and tmp_path do not go together

    saved = a_level()
    with tempfile.TemporaryDirectory() as folder:
        path = save(saved, folder)
        content = bytearray(path.read_bytes())
        content[position % len(content)] = value
        path.write_bytes(content)
        try:
            read = load_level(folder, DEVICE)
        except CalibrationError as error:
            assert str(path) in str(error)  # noqa: PT017  either outcome is right
        else:
            assert read == saved


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"schema": "gunshot.calibration.clock.v1"}',
    ],
)
def test_a_damaged_file_is_a_clear_error(content: bytes, tmp_path: Path) -> None:
    path = save(a_level(), tmp_path)
    path.write_bytes(content)
    with pytest.raises(CalibrationError, match=r"level\.json .*(run scripts/calibrate_level\.py again)"):
        load_level(tmp_path, DEVICE)


def test_a_truncated_file_is_a_clear_error(tmp_path: Path) -> None:
    path = save(a_level(), tmp_path)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(CalibrationError):
            load_level(tmp_path, DEVICE)


@pytest.mark.parametrize(
    "changes",
    [
        {"full_scale_db_spl": float("nan")},
        {"full_scale_db_spl": 1e6},
        {"full_scale_db_spl": "117"},
        {"full_scale_db_spl": True},
        {"sigma_db": -0.1},
        {"channel": -1},
        {"rate_hz": 0},
        {"utc": "yesterday"},
        {"device": None},
    ],
)
def test_a_figure_out_of_range_never_becomes_a_record(changes: dict[str, object]) -> None:
    with pytest.raises(CalibrationError):
        a_level(**changes)


def test_a_hand_edited_figure_is_refused(tmp_path: Path) -> None:
    path = save(a_level(), tmp_path)
    path.write_text(path.read_text().replace("117.01", "120.01"))
    with pytest.raises(CalibrationError, match="changed after it was saved"):
        load_level(tmp_path, DEVICE)


def test_an_unreadable_place_is_a_clear_error(tmp_path: Path) -> None:
    path = save(a_level(), tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(CalibrationError, match="cannot read"):
        load_level(tmp_path, DEVICE)
    with pytest.raises(CalibrationError, match="cannot save"):
        save(a_level(), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(CalibrationError, match="cannot save"):
        save(a_level(), tmp_path / "file")


def test_a_full_disk_leaves_the_old_record_in_force() -> None:
    """On a real, full file system (/dev/shm is one; a file fills a small tmpfs where root may mount one)."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    import tempfile  # noqa: PLC0415  the mount must not lie in pytest's own folder

    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False, capture_output=True
        )
        if mounted.returncode != 0:
            pytest.skip("a small file system cannot be mounted here")
        try:
            save(a_level(), folder)
            with pytest.raises(OSError, match="space"):
                Path(folder, "ballast").write_bytes(b"0" * 100_000)
            with pytest.raises(CalibrationError, match=r"No space left.*still stands"):
                save(a_level(full_scale_db_spl=99.0), folder)
            assert load_level(folder, DEVICE) == a_level()
            left = [path.name for path in Path(folder, "calibration").rglob(".*")]
            assert left == [], "no half-written file stays behind"
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def _save_many(folder: str, figure: float) -> None:
    for _ in range(40):
        save(a_level(full_scale_db_spl=figure), folder)


def test_concurrent_writers_and_a_reader_never_meet_half_a_record(tmp_path: Path) -> None:
    save(a_level(full_scale_db_spl=100.0), tmp_path)
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_save_many, args=(str(tmp_path), figure)) for figure in (100.0, 110.0, 120.0)
    ]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        found = load_level(tmp_path, DEVICE)
        assert found is not None
        seen.add(found.full_scale_db_spl)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert seen <= {100.0, 110.0, 120.0}
    assert len(list((tmp_path / "calibration" / "history").iterdir())) == 3


def test_reading_a_record_needs_neither_numpy_nor_scipy() -> None:
    heavy = "{'numpy', 'scipy', 'matplotlib'}"
    code = f"import sys, sensor.calibrate.record; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_age_counts_from_the_measurement() -> None:
    now = datetime(2026, 3, 11, 12, tzinfo=UTC)
    assert a_level().age_days(now) == pytest.approx(10.0)
    assert replace(a_level(), utc="2026-03-11T10:00:00").age_days(now) == pytest.approx(1.0 / 12.0)


def test_the_time_now_is_one_a_record_accepts() -> None:
    assert a_level(utc=record.utc_now()).age_days(datetime.now(UTC)) < 1.0

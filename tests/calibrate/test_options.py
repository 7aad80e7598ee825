"""Options that cannot be are refused before the work, with what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.calibrate.option_types import UTC_START
from tests.support.calibration_command import run


@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("clock", "--distance -5", "0.0<=x<=100.0"),
        ("clock", "--distance nan", "nan is no number"),
        ("clock", "--distance-sigma -0.1", "0.0<=x<=10.0"),
        ("clock", "--temperature -300 --distance 0.08", "-60.0<=x<=80.0"),
        ("clock", "--start-sigma -1", "0.0<=x<=0.5"),
        ("clock", "--emitter-sigma nan", "nan is no number"),
        ("clock", "--emitter-delay inf", "-0.5<=x<=0.5"),
        ("clock", "--seconds nan", "nan is no number"),
        ("clock", "--settle nan", "nan is no number"),
        ("clock", "--start 2026-01-01T00:00:00.3", "does not say its time zone; end it with Z for UTC"),
        ("clock", "--start 2026-13-01T00:00:00Z", "month must be in 1..12"),
        ("clock", "--start 1969-12-31T00:00:00Z", "before 1970"),
        ("clock", "--start 2026-01-01T12:30.5Z", "is no date and time"),
        ("level", "--level nan", "nan is no number"),
        ("level", "--level 0", "40.0<=x<=160.0"),
        ("level", "--second-level inf", "40.0<=x<=160.0"),
        ("level", "--frequency 0", "10.0<=x<=20000.0"),
        ("level", "--coupling-sigma -1", "0.0<=x<=10.0"),
        ("level", "--coupling-sigma nan", "nan is no number"),
        ("level", "--temperature 81", "-60.0<=x<=80.0"),
        ("level", "--seconds nan", "nan is no number"),
        ("noise", "--seconds nan", "nan is no number"),
        ("position", "--hours nan", "nan is no number"),
        ("position", "--offset nan 1.5 2", "nan is no number"),
        ("position", "--offset 0 1.5 -20000", "-1000.0<=x<=1000.0"),
    ],
)
def test_an_option_out_of_its_range_is_refused_before_the_work(
    name: str, arguments: str, allowed: str, tmp_path: Path
) -> None:
    code, printed = run(name, "--state-dir", tmp_path, *arguments.split())
    assert code == 2, printed
    assert arguments.split(maxsplit=1)[0] in printed
    assert allowed in printed
    assert not list(tmp_path.iterdir())


def test_a_start_keeps_its_zone_and_its_nanoseconds() -> None:
    begun_ns = UTC_START.convert("2026-01-01T00:00:00.123456789Z", None, None)
    assert begun_ns == 1_767_225_600_123_456_789
    assert UTC_START.convert("2025-12-31 20:00:00.123456789-04:00", None, None) == begun_ns

"""What scripts refuse before they begin to work."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.arguments import finite, target, whole
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


def run(script: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / script, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env={name: value for name, value in os.environ.items() if name != "GUNSHOT_CORPUS"},
    )


@pytest.mark.parametrize(
    ("script", "words", "told"),
    [
        ("simulate_street_day", ("--json", "/nope/x.json"), "/nope/x.json: cannot be written: No such file"),
        ("simulate_street_day", ("--keep", "/dev/null/x"), "--keep /dev/null/x: cannot be made"),
        ("simulate_street_day", ("--seconds", "0"), "--seconds: 0: expected a number, 1 to 3600"),
        ("simulate_street_day", ("--rate-hz", "10"), "--rate-hz: 10: expected a whole number, 8000 to"),
        ("simulate_street_day", ("--jobs", "0"), "--jobs: 0: expected a whole number, 1 or more"),
        ("simulate_street_day", ("--hours", "0-99999999999"), "hours are 0 to 23"),
        ("plot_street", ("--out", "/nope/x.png"), "/nope/x.png: cannot be written: No such file"),
        ("plot_street", ("--out", "/tmp/x.txt"), "/tmp/x.txt: the name of a picture ends in"),  # noqa: S108
        ("plot_report", ("--out", "/nope/x.png"), "/nope/x.png: cannot be written: No such file"),
        (
            "evaluate_location.py",
            ("--kept", "/nope", "--write", "/nope.md"),
            "no figures of blind, audio, given",
        ),
        ("evaluate_location.py", ("blind", "given"), "nothing to measure: GUNSHOT_CORPUS names no folder"),
        (
            "evaluate_location.py",
            ("towns", "--nights", "0"),
            "--nights: 0: expected a whole number, 1 or more",
        ),
        ("evaluate_location.py", ("load", "--write", "/dev/null/acc.md"), "/dev/null/img: Not a directory"),
        ("evaluate_overload", ("--corpus", "/nope"), "no corpus in /nope: /nope/files.csv: No such file"),
        ("evaluate_timing.py", ("--only", "zzz"), "'zzz' is in no name; there are: sample clock, steady"),
        ("evaluate_timing.py", ("--runs", "0"), "'--runs': 0 is not in the range x>=1"),
        ("evaluate_timing.py", ("--plot", "/dev/null/x.png"), "/dev/null/x.png: cannot be written"),
        ("evaluate_picking", ("--trials", "0"), "--trials: 0: expected a whole number, 1 or more"),
        ("benchmark_central", ("--nodes", "0"), "--nodes: 0: expected a whole number, 4 or more"),
        ("benchmark_central", ("--clutter", "nan"), "--clutter: nan: expected a number, 0 to 1000"),
        ("compare_replays", ("x", "x", "--limit", "-1"), "--limit: -1: expected a whole number, 0 or more"),
        ("compare_replays", ("x", "x", "--p", "nan"), "--p: nan: expected a number, 0 or more"),
        ("compare_replays", ("x", "x", "--p", "-1"), "--p: -1: expected a number, 0 or more"),
        ("plot_simulated_shots", ("--out", "/nope/x.png"), "/nope/x.png: cannot be written: No such file"),
    ],
)
def test_what_cannot_work_is_wrong_usage_before_any_work(
    script: str, words: tuple[str, ...], told: str
) -> None:
    done = run(script, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("text", ["0", "11", "x", "1.5", "nan", ""])
def test_whole_numbers_outside_the_range_are_refused_with_it(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="whole number, 1 to 10"):
        whole(1, 10)(text)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-1", "x", "1e999"])
def test_numbers_that_are_not_finite_or_outside_the_range_are_refused_with_it(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="a number, 0 or more"):
        finite(0.0)(text)


def test_the_ends_of_a_range_belong_to_it() -> None:
    assert (whole(1, 10)("1"), whole(1, 10)("10")) == (1, 10)
    assert (finite(0.0, 0.5)("0"), finite(0.0, 0.5)("0.5")) == (0.0, 0.5)


def test_a_target_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    held, link = tmp_path / "held", tmp_path / "link"
    held.write_text("kept")
    link.symlink_to(tmp_path / "absent")
    for path in (held, link, tmp_path / "absent", Path("/dev/null")):
        assert target(str(path)) == path
    assert held.read_text() == "kept"
    assert sorted(tmp_path.iterdir()) == [held, link]


def test_a_target_that_is_a_folder_or_in_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="cannot be written: Is a directory"):
        target(str(tmp_path))
    with pytest.raises(argparse.ArgumentTypeError, match="cannot be written: No such file"):
        target(str(tmp_path / "none" / "x"))


def test_kept_figures_that_are_none_are_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "blind.json").write_text(json.dumps({"skipped": "no corpus"}))
    (tmp_path / "load.json").write_text("{")
    for parts, told in (
        (("blind",), "only parts that were left out"),
        (("load",), "load.json: is not what --keep wrote"),
        (("blind", "towns"), "no figures of towns are there"),
    ):
        done = run("evaluate_location.py", *parts, "--kept", tmp_path, "--write", tmp_path / "page.md")
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr.splitlines()[-1]
        assert not (tmp_path / "page.md").exists()

"""Two replays compared: what is lost, found, moved and judged otherwise."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.replay.compare import Entry, compare

SCRIPT = Path(__file__).parents[2] / "scripts" / "compare_replays"
TIMES = st.integers(0, 30).map(lambda n: n * 0.013)
"""Some near enough to be a pair, some of those far enough apart to have moved."""
ENTRIES = st.lists(st.builds(Entry, st.sampled_from("ab"), TIMES, st.floats(0.0, 1.0)), max_size=8)


def lines(path: Path, *entries: tuple[str, float, float]) -> Path:
    path.write_text(
        "".join(json.dumps({"file": f, "offset_s": t, "p_gunshot": p}) + "\n" for f, t, p in entries)
    )
    return path


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=False)


@given(ENTRIES)
def test_a_replay_equals_itself_in_any_order(entries: list[Entry]) -> None:
    changes = compare(entries, list(reversed(entries)), moved_s=1e-6, judged_by=1.0)
    assert not changes.any
    assert changes.same == len(entries)


@given(ENTRIES, ENTRIES)
def test_every_candidate_is_accounted_for_once(before: list[Entry], after: list[Entry]) -> None:
    changes = compare(before, after, moved_s=0.01, judged_by=0.1)
    differing = {(id(a), id(b)) for a, b in (*changes.moved, *changes.judged)}  # equal entries are two
    assert changes.same + len(differing) == len(before) - len(changes.lost) == len(after) - len(changes.found)


def test_each_kind_of_change_is_told_and_the_exit_code_says_that_there_is_one(tmp_path: Path) -> None:
    before = lines(tmp_path / "a", ("x", 1.0, 0.9), ("x", 2.0, 0.9), ("x", 3.0, 0.9), ("y", 1.0, 0.5))
    after = lines(tmp_path / "b", ("x", 1.0, 0.9), ("x", 2.002, 0.9), ("x", 3.0, 0.4), ("y", 7.0, 0.5))
    done = run(before, after)
    assert done.returncode == 1
    told = [line.split(maxsplit=1)[0] for line in done.stdout.splitlines()]
    assert told == ["lost", "found", "moved", "p", "4"]
    assert "1 the same, 1 lost, 1 found, 1 moved, 1 with another p" in done.stdout
    assert "by +2.000 ms" in done.stdout
    assert "0.900 -> 0.400" in done.stdout


def test_no_change_is_0_and_a_file_that_is_none_is_2(tmp_path: Path) -> None:
    same = lines(tmp_path / "a", ("x", 1.0, 0.9))
    assert run(same, same).returncode == 0
    (tmp_path / "b").write_text('{"file": "x"}\n')
    done = run(same, tmp_path / "b")
    assert done.returncode == 2
    assert "b:1 is no line of replay --jsonl" in done.stderr
    assert run(same, tmp_path / "nowhere").returncode == 2


@pytest.mark.parametrize(
    "content",
    [
        b"\x7fELF\x02\x01\xff\xfe\n",
        b'{"file": "x", "offset_s": NaN, "p_gunshot": 0.5}\n',
        b"[" * 100_000,
        b"3\n",
    ],
)
def test_what_is_no_output_of_a_replay_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b").write_bytes(content)
    done = run(lines(tmp_path / "a", ("x", 1.0, 0.9)), tmp_path / "b")
    assert done.returncode == 2
    assert "b:1 is no line of replay --jsonl" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("limit", "shown"), [("2", 3), ("0", 5)])
def test_long_lists_are_cut_and_say_so(tmp_path: Path, limit: str, shown: int) -> None:
    before = lines(tmp_path / "a", *(("x", float(second), 0.9) for second in range(5)))
    done = run("--limit", limit, before, lines(tmp_path / "b"))
    assert len([line for line in done.stdout.splitlines() if line.startswith("lost")]) == shown


@pytest.mark.parametrize("words", [("--limit", "-1"), ("--p", "nan"), ("--p", "-1"), ("--moved-ms", "inf")])
def test_a_figure_that_would_hide_a_change_is_wrong_usage(tmp_path: Path, words: tuple[str, str]) -> None:
    before = lines(tmp_path / "a", ("x", 1.0, 0.9))
    done = run(f"{words[0]}={words[1]}", before, before)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"argument {words[0]}: {words[1]}: expected a" in done.stderr


def test_an_output_that_cannot_be_written_is_no_change(tmp_path: Path) -> None:
    before = lines(tmp_path / "a", ("x", 1.0, 0.9))
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [SCRIPT, before, before], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "compare_replays: standard output: No space left on device\n"


def test_a_name_that_no_terminal_can_show_is_told_as_escapes(tmp_path: Path) -> None:
    done = run(lines(tmp_path / "a", ("\ud800.wav", 1.0, 0.9)), lines(tmp_path / "b"))
    assert done.returncode == 1
    assert done.stdout.startswith("lost       \\ud800.wav 1.0000 s")

"""Scores against hand-counted truth, against mir_eval, and against the definitions of the intervals."""

from __future__ import annotations

import itertools

import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.events import Candidate, Versions
from sensor.pairing import _pair_few, _pair_many, pair
from sensor.replay.labels import FileTruth, Onset
from sensor.replay.runner import FileResult, Heard
from sensor.replay.scoring import GroupScore, Scores, score
from sensor.replay.tables import incomplete_text, score_text

TIMES = st.lists(st.integers(0, 3000).map(lambda n: n / 997.0), max_size=12)
"""No two are just the tolerance apart, where rounding alone would decide, and mir_eval's is another."""


def heard(offset_s: float, p: float) -> Heard:
    candidate = Candidate(
        site="s", node="n", utc_ns=round(offset_s * 1e9), sigma_ns=1, clock={"source": "none"}, position=None,
        p_gunshot=p, classes={"gunshot": p}, peak_dbfs=-10.0, peak_db_spl=None, snr_db=20.0, rise_ms=1.0,
        duration_ms=50.0, clip_fraction=0.0, later_arrivals=(),
        versions=Versions(software="0", model="m", config="c"),
    )  # fmt: skip
    return Heard(candidate, offset_s)


def result(name: str, seconds: float, *found: tuple[float, float]) -> FileResult:
    return FileResult(name, heard=[heard(*one) for one in found], triggers=list(found), seconds=seconds)


def truth(
    name: str, *onsets_s: float, group: str = "g", counted: bool = True, label: str = ""
) -> dict[str, FileTruth]:
    onsets = [Onset(onset_s=onset_s, counted=counted, shot=shot) for shot, onset_s in enumerate(onsets_s)]
    return {name: FileTruth(name, group, label=label, onsets=onsets)}


def only(scores: Scores) -> GroupScore:
    (group,) = scores.groups
    return group


@given(TIMES, TIMES)
def test_as_many_pairs_as_mir_eval_finds(onsets: list[float], candidates: list[float]) -> None:
    """mir_eval's matching is a largest one too; the pairs themselves may differ where several are largest."""
    expected = mir_eval.util.match_events(np.sort(onsets), np.sort(candidates), 0.05)
    assert len(pair(onsets, candidates, 0.05)) == len(expected)


@pytest.mark.filterwarnings("ignore:.*onsets are empty")  # mir_eval warns of what is the case
@given(TIMES.filter(len), TIMES.filter(len))
def test_recall_and_precision_are_those_of_mir_eval(onsets: list[float], candidates: list[float]) -> None:
    group = only(
        score(truth("f", *sorted(onsets)), [result("f", 10.0, *((c, 0.9) for c in sorted(candidates)))])
    )
    _, precision, recall = mir_eval.onset.f_measure(np.sort(onsets), np.sort(candidates), window=0.05)
    assert group.hits / group.rounds == pytest.approx(recall)
    assert group.hits / len(candidates) == pytest.approx(precision)


@given(st.lists(st.floats(0.0, 0.5), max_size=5), st.lists(st.floats(0.0, 0.5), max_size=5))
def test_among_the_largest_matchings_the_closest_is_taken(
    onsets: list[float], candidates: list[float]
) -> None:
    """Checked against every matching there is."""
    found = pair(onsets, candidates, 0.05)
    best = (0, 0.0)
    short, long = sorted((range(len(onsets)), range(len(candidates))), key=len)
    for chosen in itertools.permutations(long, len(short)):
        apart = [
            abs(
                (onsets[a] - candidates[b]) if len(onsets) <= len(candidates) else (onsets[b] - candidates[a])
            )
            for a, b in zip(short, chosen, strict=True)
        ]
        near = [distance for distance in apart if distance <= 0.05]
        best = min(best, (-len(near), sum(near)))
    assert len(found) == -best[0]
    assert sum(abs(onsets[i] - candidates[j]) for i, j in found) == pytest.approx(best[1], abs=1e-9)


@given(TIMES.filter(len), TIMES.filter(len))
def test_a_long_stretch_is_paired_as_a_short_one(onsets: list[float], candidates: list[float]) -> None:
    """As many pairs at the same cost; where several pairings cost the same, they may differ in which."""
    first, second = np.sort(onsets), np.sort(candidates)
    few, many = (list(pairing(first, second, 0.05)) for pairing in (_pair_few, _pair_many))
    for found in (few, many):
        assert len({i for i, _ in found}) == len({j for _, j in found}) == len(found)
        assert all(abs(first[i] - second[j]) <= 0.05 for i, j in found)
    assert len(many) == len(few)
    costs = [sum(abs(first[i] - second[j]) for i, j in found) for found in (few, many)]
    assert costs[1] == pytest.approx(costs[0], abs=1e-9)


def test_a_stretch_without_a_gap_does_not_need_room_for_its_square() -> None:
    """Every 30 ms, so that each may be any of three: the table of all differences would take 20 GB."""
    onsets = [0.03 * index for index in range(50_000)]
    candidates = [onset_s + 0.004 for onset_s in onsets]
    assert pair(onsets, candidates, 0.05) == [(index, index) for index in range(50_000)]


def test_a_candidate_serves_one_onset_only() -> None:
    group = only(score(truth("f", 1.0, 1.04), [result("f", 10.0, (1.02, 0.9))]))
    assert (group.rounds, group.hits) == (2, 1)


def test_hits_echoes_and_false_candidates_are_told_apart() -> None:
    """Window of the onset at 3 s: 2.85 to 5.0 s. 0.49 is no candidate."""
    found = result("f", 3600.0, (2.8, 0.9), (2.9, 0.9), (3.01, 0.9), (4.9, 0.9), (5.1, 0.9), (9.0, 0.49))
    scores = score(truth("f", 3.0), [found])
    group = only(scores)
    assert (group.hits, group.in_windows, group.false) == (1, 3, 2)
    assert group.errors_s == pytest.approx([0.01])
    assert group.background_s == pytest.approx(3600.0 - 2.15)
    assert group.background_triggers == 3
    assert [item.heard.offset_s for item in scores.false] == [2.8, 5.1]


def test_predicted_onsets_are_no_hits_and_no_misses_but_keep_their_window() -> None:
    scores = score(truth("f", 3.0, counted=False), [result("f", 10.0, (3.0, 0.9), (3.5, 0.9))])
    group = only(scores)
    assert (group.rounds, group.hits, group.false) == (0, 0, 0)
    assert scores.misses == []


def test_a_pick_before_the_first_sample_is_a_hit_and_no_more() -> None:
    group = only(score(truth("f", 0.0), [result("f", 10.0, (-4e-5, 0.9), (0.5, 0.9))]))
    assert (group.hits, group.in_windows, group.false) == (1, 2, 0)
    assert group.background_s == pytest.approx(8.0)


def test_nothing_counts_before_the_first_listed_round_if_that_is_not_the_first_fired() -> None:
    later = {"f": FileTruth("f", "g", onsets=[Onset(onset_s=5.0, counted=True, shot=1)])}
    group = only(score(later, [result("f", 10.0, (1.0, 0.9), (5.0, 0.9), (8.0, 0.9))]))
    assert (group.hits, group.in_windows, group.false) == (1, 1, 1)
    assert group.background_s == pytest.approx(3.0)
    assert group.first_rounds == 0


def test_files_with_shots_at_unlisted_times_are_neither_background_nor_misses() -> None:
    scores = score(
        {
            **truth("a", label="gunshot"),
            **truth("b", label="gunshot_suppressed"),
            **truth("c", label="neg_dog"),
        },
        [result("a", 10.0, (1.0, 0.9)), result("b", 10.0), result("c", 10.0, (2.0, 0.8))],
    )
    group = only(scores)
    assert (group.unlisted_files, group.unlisted_heard, group.false, group.background_s) == (2, 1, 1, 10.0)
    assert {label.group: label.false_files for label in scores.labels} == {
        "gunshot": 0, "gunshot_suppressed": 0, "neg_dog": 1,
    }  # fmt: skip


def test_groups_are_not_pooled() -> None:
    both = {**truth("a", 1.0, group="east"), **truth("b", 1.0, group="west")}
    scores = score(both, [result("a", 5.0, (1.0, 0.9)), result("b", 5.0)])
    assert [(group.group, group.hits) for group in scores.groups] == [("east", 1), ("west", 0)]


def test_misses_say_whether_anything_triggered() -> None:
    scores = score(truth("f", 1.0, 3.0), [result("f", 9.0, (1.01, 0.3))])
    assert [miss.p_nearby for miss in scores.misses] == [0.3, None]
    assert [miss.refused for miss in scores.misses] == [(), ()]


def test_misses_say_why_what_crossed_was_refused() -> None:
    found = result("f", 9.0)
    found.refusals = [(0.99, "coarse"), (1.01, "overload"), (1.02, "coarse"), (2.0, "glitch")]
    (miss,) = score(truth("f", 1.0), [found]).misses
    assert miss.refused == ("coarse", "overload")


def test_false_candidates_are_put_down_to_what_was_really_heard() -> None:
    about = FileTruth("f", "g", others=[(4.0, "firework")])
    scores = score({"f": about}, [result("f", 9.0, (4.05, 0.9), (8.0, 0.9))])
    assert {item.heard.offset_s: item.near for item in scores.false} == {4.05: "firework", 8.0: ""}


def test_the_latest_listed_sound_that_may_be_it_is_meant_whatever_the_order_of_the_table() -> None:
    about = FileTruth("f", "g", others=[(4.0, "firework"), (5.0, "door"), (4.5, "dog")])
    scores = score({"f": about}, [result("f", 9.0, (4.95, 0.9), (4.85, 0.8), (3.85, 0.7))])
    assert [item.near for item in scores.false] == ["door", "dog", ""]


def test_the_name_of_a_file_with_shots_is_not_what_a_false_candidate_in_it_really_was() -> None:
    both = {**truth("shots", 1.0, label="gunshot"), **truth("dog", label="neg_dog")}
    scores = score(both, [result("shots", 9.0, (8.0, 0.9)), result("dog", 9.0, (8.0, 0.8))])
    assert [(item.near, item.among_shots) for item in scores.false] == [("", True), ("neg_dog", False)]


def test_onsets_beyond_the_end_of_a_file_are_not_asked_for() -> None:
    assert only(score(truth("f", 1.0, 99.0), [result("f", 10.0, (1.0, 0.9))])).rounds == 1


def test_rounds_that_nobody_could_hear_are_counted_apart() -> None:
    """Of a damaged file what came after, of a refused and of an unread one everything; misses are none."""
    about = {
        **truth("damaged", 1.0, 5.0, 7.0),
        **truth("refused", 1.0),
        **truth("unread", 1.0, 2.0, group="h"),
        **truth("predicted", 1.0, counted=False),
        **truth("silent", label="neg_dog"),
    }
    refused = [FileResult("refused", refused="why"), FileResult("silent", refused="why")]
    scores = score(about, [result("damaged", 4.0, (1.0, 0.9)), *refused])
    assert [(g.group, g.files, g.rounds, g.hits, g.not_judged) for g in scores.groups] == [
        ("g", 1, 1, 1, 3),
        ("h", 0, 0, 0, 2),
    ]
    assert scores.groups[0].empty_files == 0
    assert (scores.not_read, scores.recordings, scores.misses) == (4, 5, [])
    text = score_text(scores, "street-1+0")
    assert "not judged" in text
    assert text.endswith("incomplete: 4 of 5 recordings were not read")
    whole = score(truth("f", 1.0), [result("f", 4.0)])
    assert (only(whole).not_judged, incomplete_text(whole)) == (0, "")


def test_only_pairs_and_background_enter_the_reliability() -> None:
    """The echo at 3.5 s is nobody's pair inside a window: its truth is not known."""
    scores = score(truth("f", 3.0), [result("f", 20.0, (3.0, 0.9), (3.5, 0.6), (10.0, 0.1))])
    assert sum(part.triggers for part in scores.reliability) == 2

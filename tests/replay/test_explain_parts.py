"""Words and picture of an explanation, each by itself."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from sensor.classify.classifier import Classifier
from sensor.replay.explain import NEAR_S, explain
from sensor.replay.explain_picture import draw, spectrogram_db
from sensor.replay.explain_text import _beside_limit, _factor, _measure, _rival, _said, _times
from sensor.replay.feature_words import OTHER, words_for
from sensor.replay.gates import Gate
from sensor.replay.influence import Influence
from sensor.replay.recordings import RecordingFile
from sensor.replay.runner import FileResult, ReplaySettings, default_config


def test_every_feature_of_the_model_has_words() -> None:
    for name in Classifier.load().feature_names:
        assert words_for(name).family != OTHER, name
    assert words_for("something_new 3ms").family == OTHER


@pytest.mark.parametrize(
    ("factor", "shown"),
    [(2.254, "2.25"), (9.999, "10.0"), (31.68, "31.7"), (123.4, "123"), (2751.0, "2750"), (1e9, ">1000000")],
)
def test_factors_have_three_digits_and_no_exponent(factor: float, shown: str) -> None:
    assert _factor(math.log(factor)) == _factor(-math.log(factor)) == shown
    assert _times(math.log(factor)) == f"× {shown:>8}"
    assert _times(-math.log(factor)) == f"÷ {shown:>8}"


@pytest.mark.parametrize(
    ("name", "value", "standardised", "shown"),
    [
        ("since_last_log", math.log10(3.0), 2.5, "): 3 s, far above average"),
        (
            "rise_ms_log",
            math.log10(0.23 + 0.5),
            -0.7,
            "time of the rise from 10 to 90 % (rise_ms_log): 0.23 ms,",
        ),
        ("energy_time_50_log", math.log10(12.5), 0.1, "): 12 ms, about average"),
        ("snr_db", 31.25, -2.5, "SNR (snr_db): 31.25 dB, far below average"),
        ("count_1", None, None, "triggers in the last second (count_1): unknown"),
        ("new_one", 1.5, 1.0, "new_one: 1.50, above average"),
    ],
)
def test_a_measure_is_told_in_words_with_the_time_itself(
    name: str, value: float | None, standardised: float | None, shown: str
) -> None:
    item = Influence(name=name, family="", meaning="", value=value, standardised=standardised, effect=1.0)
    assert shown in _measure(item)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(2.04, "2.04"), (2.0000001, "2.0000001"), (2.0, "2.0"), (1.96, "1.96"), (1.7, "1.7"), (12.34, "12.3")],
)
def test_a_value_is_told_so_that_it_is_seen_on_which_side_of_its_limit_it_lies(
    value: float, shown: str
) -> None:
    assert _beside_limit(value, 2.0) == shown
    gate = Gate(name="coarse", passed=value > 2.0, value=value, limit=2.0)
    assert _said(gate) == f"moves by {shown} of the smallest steps, needs more than 2"


def test_the_next_likeliest_class_is_told_with_how_far_it_is_behind_or_ahead() -> None:
    assert _rival("firework", math.log(31.68)) == "next likeliest: firework, 31.7 times less likely"
    assert _rival("firework", -math.log(2.254)) == "firework is 2.25 times likelier"


def test_what_json_says_of_a_feature_is_what_its_number_is() -> None:
    assert words_for("rise_ms_log").of_the_number == "log10 of time of the rise from 10 to 90 %, ms"
    assert words_for("snr_db").of_the_number == "SNR, dB"
    assert words_for("count_1").of_the_number == "triggers in the last second"


def test_the_spectrogram_has_a_tone_at_its_frequency_and_level() -> None:
    window = 400
    tone = np.sin(2 * np.pi * 1000.0 * np.arange(4000) / 8000.0).astype(np.float32)
    levels_db = spectrogram_db(tone, window, 50)
    assert levels_db.shape == (window // 2 + 1, (4000 - window) // 50 + 1)
    assert set(levels_db.argmax(axis=0)) == {1000 * window // 8000}


def test_the_picture_marks_all_that_crossed_and_the_moment_asked_for(
    street: tuple[RecordingFile, FileResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415  an extra

    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, _: drawn.append(figure))
    config = default_config()
    settings = ReplaySettings(config=config, p_min=config.publish.p_min, every_trigger=True)
    found = explain(street[0], 17.375, settings)
    draw(found, tmp_path / "why.png")
    (figure,) = drawn
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][3:] == [
        "this decision",
        "asked for (--at)",
        "other crossings",
    ]
    wave = figure.axes[0]
    begin_s, end_s = wave.get_xlim()
    marked_s = sorted(float(np.asarray(line.get_xdata())[0]) for line in wave.lines[1:])
    shown_s = [at_s for at_s in found.excerpt.crossed_s if begin_s <= at_s <= end_s]
    assert max(shown_s) > 17.375 + NEAR_S
    assert marked_s == sorted([*shown_s, 17.375])
    styles = {line.get_label(): line.get_linestyle() for line in figure.axes[1].lines}
    assert styles["noise floor"] != styles["other crossings"]
    assert figure.axes[-1].get_ylabel() == "dB re the loudest"

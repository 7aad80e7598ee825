"""What an explanation says is what the replay did; every gate, either side of its limit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sensor.capture.audiofile import AudioFileSource
from sensor.config import Config
from sensor.detect.detector import Detector
from sensor.detect.reference import crossings, frame_levels_db
from sensor.detect.settings import DetectSettings
from sensor.errors import AudioFileError, CaptureError, ReplayError
from sensor.replay.explain import STRONGEST_S, Explanation, explain
from sensor.replay.explain_picture import draw
from sensor.replay.explain_text import headline, json_object, text
from sensor.replay.gates import Gate
from sensor.replay.recordings import RecordingFile
from sensor.replay.runner import FileResult, ReplaySettings, default_config
from tests.support.blasts import add_round, noise
from tests.support.command import gunshot_sensor
from tests.support.impulses import bursts, write_bursts

RATE_HZ = 48_000
CONFIG = default_config()
SETTINGS = ReplaySettings(config=CONFIG, p_min=CONFIG.publish.p_min, every_trigger=True)
EVERYTHING = replace(SETTINGS, p_min=0.0)
NOTHING = replace(SETTINGS, p_min=1.0)


def written(path: Path, samples: NDArray[np.floating], rate_hz: int = RATE_HZ) -> RecordingFile:
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")
    return RecordingFile(str(path), path)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> RecordingFile:
    """A burst at 1.0 s and one at 1.03 s, inside the refractory time of the first."""
    path = tmp_path_factory.mktemp("two") / "two.wav"
    samples = bursts((1.0,), seconds=3.0) + bursts((1.03,), seconds=3.0, peak_fs=0.9, seed=2)
    return written(path, samples)


def gate(found: Explanation, name: str) -> Gate:
    return next(gate for gate in found.gates if gate.name == name)


def margin(found: Explanation, name: str) -> float:
    value = gate(found, name).margin
    assert value is not None
    return value


def test_triggers_of_the_street_are_explained_by_the_figures_of_its_replay(
    street: tuple[RecordingFile, FileResult],
) -> None:
    file, result = street
    assert len(result.heard) > 10
    outcomes = set()
    by_p = sorted(result.heard, key=lambda heard: heard.candidate.p_gunshot)
    for heard in (by_p[0], by_p[len(by_p) // 2], by_p[-1]):
        found = explain(file, heard.offset_s, SETTINGS)
        candidate = heard.candidate
        assert found.offset_s == pytest.approx(heard.offset_s, abs=1e-6)
        assert found.trigger is not None
        assert found.verdict is not None
        assert dict(found.verdict.classes) == dict(candidate.classes)
        assert found.trigger.snr_db == candidate.snr_db
        assert found.outcome == ("candidate" if candidate.p_gunshot >= SETTINGS.p_min else "refused")
        assert found.decided_by == "p_min"
        assert margin(found, "p_min") == candidate.p_gunshot - SETTINGS.p_min
        assert all(gate.passed for gate in found.gates[:-1])
        outcomes.add(found.outcome)
    assert outcomes == {"candidate", "refused"}


def test_the_same_impulse_passes_or_not_by_the_limit_alone(two: RecordingFile) -> None:
    passed, refused = explain(two, 1.0, EVERYTHING), explain(two, 1.0, NOTHING)
    assert (passed.outcome, refused.outcome) == ("candidate", "refused")
    assert "passed every gate" in headline(passed)
    assert headline(refused).startswith("refused by p_min: ")
    assert passed.verdict is not None
    assert margin(refused, "p_min") == passed.verdict.p_gunshot - 1.0


def test_a_crossing_in_the_refractory_time_says_how_much_too_early_it_was(two: RecordingFile) -> None:
    found = explain(two, 1.03, EVERYTHING)
    assert (found.outcome, found.decided_by) == ("refused", "refractory")
    limit_ms = 1e3 * CONFIG.detect.refractory_s
    assert margin(found, "refractory") == pytest.approx(30.0 - limit_ms, abs=5.0)
    assert found.verdict is None
    assert [round(other.offset_s, 2) for other in found.nearby if other.outcome == "candidate"] == [1.0]
    assert f"needs {limit_ms:.0f} ms: {-margin(found, 'refractory'):.1f} ms short" in text(found)
    assert f"to explain the trigger before it: --at {found.trigger_before_s:.4f}" in text(found)
    assert found.trigger_before_s == pytest.approx(1.0, abs=1e-3)


def test_what_else_was_decided_is_told_in_order_of_time_and_where_to_ask_on(
    street: tuple[RecordingFile, FileResult],
) -> None:
    file, _ = street
    found = explain(file, 17.4, EVERYTHING)
    times_s = [other.offset_s for other in found.nearby]
    assert len(times_s) > 3
    assert times_s == sorted(times_s)
    assert found.decided_by == "refractory"
    for words, at_s in (("before", found.trigger_before_s), ("after", found.trigger_after_s)):
        assert at_s is not None
        assert f"to explain the trigger {words} it: --at {at_s:.4f}" in text(found)
        assert explain(file, round(at_s, 4), EVERYTHING).trigger is not None


def test_a_trigger_a_few_milliseconds_off_is_meant_rather_than_what_its_refractory_time_refused(
    tmp_path: Path,
) -> None:
    samples = bursts((1.0,), seconds=2.0) + bursts((1.018,), seconds=2.0, peak_fs=0.9, seed=2)
    file = written(tmp_path / "close.wav", samples)
    later = explain(file, 1.018, EVERYTHING)
    assert later.decided_by == "refractory"
    at_s = 0.5 * (1.0 + later.offset_s) + 0.5e-3
    found = explain(file, at_s, EVERYTHING)
    assert abs(later.offset_s - at_s) < abs(found.offset_s - at_s)
    assert found.trigger is not None


def test_a_moment_without_a_crossing_says_how_far_the_strongest_frame_stayed_below(
    two: RecordingFile,
) -> None:
    found = explain(two, 2.0, EVERYTHING)
    assert (found.outcome, found.decided_by) == ("nothing_crossed", "threshold")
    assert found.level is not None
    assert abs(found.offset_s - 2.0) <= STRONGEST_S
    short_db = -margin(found, "threshold")
    assert short_db > 0.0
    assert f"stayed {short_db:.1f} dB below" in headline(found)
    lower = replace(CONFIG.detect, threshold_db=CONFIG.detect.threshold_db - short_db - 0.01)
    higher = replace(CONFIG.detect, threshold_db=CONFIG.detect.threshold_db - short_db + 0.01)
    by_lower, by_higher = (
        explain(two, 2.0, replace(EVERYTHING, config=replaced(detect))) for detect in (lower, higher)
    )
    assert any(abs(at_s - found.offset_s) < 1e-3 for at_s in by_lower.excerpt.crossed_s)
    assert not any(abs(at_s - 2.0) <= STRONGEST_S for at_s in by_higher.excerpt.crossed_s)


def test_what_is_stronger_but_further_off_than_the_moment_asked_for_is_not_explained(tmp_path: Path) -> None:
    samples = bursts((), seconds=3.0)
    for at_s, gain in ((2.02, 2.0), (2.15, 2.6)):
        samples[round(at_s * RATE_HZ) : round((at_s + 2e-3) * RATE_HZ)] *= gain
    found = explain(written(tmp_path / "quiet.wav", samples), 2.0, EVERYTHING)
    assert found.outcome == "nothing_crossed"
    assert found.offset_s == pytest.approx(2.02, abs=3e-3)


def replaced(detect: DetectSettings) -> Config:
    return CONFIG.model_copy(update={"detect": detect})


def test_the_margin_of_a_crossing_is_what_a_higher_threshold_would_have_to_exceed(two: RecordingFile) -> None:
    spare_db = margin(explain(two, 1.0, EVERYTHING), "threshold")
    threshold_db = CONFIG.detect.threshold_db + spare_db
    for change_db, outcome in ((-0.01, "candidate"), (0.01, "nothing_crossed")):
        detect = replace(CONFIG.detect, threshold_db=threshold_db + change_db)
        found = explain(two, 1.0, replace(EVERYTHING, config=replaced(detect)))
        assert found.outcome == outcome, change_db


def test_frames_are_those_of_the_plain_reference(two: RecordingFile) -> None:
    samples, _ = soundfile.read(two.path, dtype="float32")
    found = explain(two, 1.0, EVERYTHING)
    levels_db = frame_levels_db(samples, RATE_HZ, CONFIG.detect)
    assert found.level is not None
    # Frame 0 begins four frames of a millisecond before the recording.
    index = round((found.level.offset_s - 0.5e-3) * 1e3) + 4
    assert found.level.level_dbfs == pytest.approx(levels_db[index], abs=0.02)
    at = [frame for frame, _, _ in crossings(samples, RATE_HZ, CONFIG.detect)]
    assert any(0 <= index - frame <= 10 for frame in at)


def test_a_round_that_only_repeats_the_last_is_explained_by_its_likeness(tmp_path: Path) -> None:
    samples = noise(RATE_HZ, 2.0)
    for number, at_s in enumerate((0.5, 0.565, 0.63)):
        add_round(samples, RATE_HZ, at_s, path=1, diffuse=number)
    found = explain(written(tmp_path / "burst.wav", samples), 0.63, EVERYTHING)
    assert found.offset_s == pytest.approx(0.63, abs=0.5e-3)
    assert found.gates[0].name == "likeness"
    assert margin(found, "likeness") > 0.0
    assert "repeats an earlier sound: correlation 0." in text(found)


@pytest.mark.parametrize("fault", ["glitch", "dc_step", "zeros", "frozen"])
def test_a_fault_is_named_with_what_is_left_without_it(tmp_path: Path, fault: str) -> None:
    """``zeros``: a gap of them, then louder noise; ``frozen``: one value repeated, then louder noise."""
    samples = bursts((), seconds=2.0)
    at = round(1.0 * RATE_HZ)
    if fault == "glitch":
        samples[at] += 0.5
    elif fault == "dc_step":
        samples[at:] += 0.5
    else:
        samples[at:] *= 30.0
        samples[at - round((0.02 if fault == "zeros" else 0.003) * RATE_HZ) : at] = 1e-3 * (fault == "frozen")
    found = explain(written(tmp_path / "fault.wav", samples), 1.0, EVERYTHING)
    reason = {"zeros": "digital_silence", "frozen": "digital_silence"}.get(fault, fault)
    assert (found.outcome, found.decided_by) == ("refused", reason)
    assert found.verdict is None
    assert headline(found).startswith(f"refused by {reason}: ")
    assert margin(found, reason) < 0.0
    assert f"{-margin(found, reason):.1f} dB short" in text(found)


def test_a_real_burst_keeps_its_level_when_faults_are_taken_out(two: RecordingFile) -> None:
    found = explain(two, 1.0, EVERYTHING)
    assert margin(found, "glitch") > 0.0
    assert margin(found, "dc_step") > 0.0
    assert [gate.name for gate in found.gates] == [
        "threshold",
        "refractory",
        "digital_silence",
        "glitch",
        "dc_step",
        "coarse",
        "overload",
        "p_min",
    ]
    assert gate(found, "overload").value == 1.0


def test_an_edge_between_two_rails_is_refused_as_overload(tmp_path: Path) -> None:
    """The input stands on one rail, then swings to the other as a wave far over both does."""
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    wave = bursts((), seconds=2.0) + 30.0 * np.where(time_s < 0.5, 0.0, np.sin(2.0 * np.pi * 10.0 * time_s))
    found = explain(written(tmp_path / "rails.wav", np.clip(wave, -1.0, 1.0)), 1.0, EVERYTHING)
    assert (found.outcome, found.decided_by) == ("refused", "overload")
    assert found.verdict is None
    assert "the input stood on its rail just before" in headline(found)
    assert margin(found, "overload") < 0.0
    assert "off the rail for " in text(found)
    assert {other.outcome for other in found.nearby} == {"overload"}


def test_digital_silence_has_no_level_to_be_held_against(tmp_path: Path) -> None:
    found = explain(written(tmp_path / "zeros.wav", np.zeros(RATE_HZ * 2)), 1.0, EVERYTHING)
    assert found.outcome == "nothing_crossed"
    assert found.level is None
    assert "only digital silence" in text(found)
    assert json.loads(json_object(found))["frame"] is None


def test_a_moment_in_digital_silence_is_said_to_be_that_though_there_was_sound_before(tmp_path: Path) -> None:
    samples = bursts((1.0,), seconds=4.0)
    samples[2 * RATE_HZ :] = 0.0
    found = explain(written(tmp_path / "gated.wav", samples), 3.0, EVERYTHING)
    assert (found.outcome, found.level) == ("nothing_crossed", None)
    assert "there is only digital silence" in headline(found)
    assert "stands" not in text(found)
    assert found.offset_s == 3.0


@pytest.mark.parametrize("at_s", [0.02, 2.97])
def test_bursts_at_either_end_of_a_file_are_explained(tmp_path: Path, at_s: float) -> None:
    path = write_bursts(tmp_path / "ends.wav", (0.1, 2.9), seconds=3.0)
    found = explain(RecordingFile("ends", path), at_s, EVERYTHING)
    assert found.outcome == "candidate"
    assert found.offset_s == pytest.approx(0.1 if at_s < 1 else 2.9, abs=1e-3)


def test_a_file_is_read_only_as_far_as_the_answer_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_bursts(tmp_path / "long.wav", (1.0,), seconds=20.0)
    read = []
    blocks = AudioFileSource.blocks

    def counted(source: AudioFileSource) -> object:
        for block in blocks(source):
            read.append(block.end)
            yield block

    monkeypatch.setattr(AudioFileSource, "blocks", counted)
    assert explain(RecordingFile("long", path), 1.0, EVERYTHING).outcome == "candidate"
    assert max(read) <= 3 * RATE_HZ


def test_the_excerpt_is_the_recording(two: RecordingFile) -> None:
    samples, _ = soundfile.read(two.path, dtype="float32")
    excerpt = explain(two, 1.0, EVERYTHING).excerpt
    first = round(excerpt.first_s * RATE_HZ)
    np.testing.assert_array_equal(excerpt.samples, samples[first : first + excerpt.samples.size])


def test_rubbish_is_explained_without_a_fault(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for number in range(12):
        samples = bursts((0.5,), seconds=1.5, rate_hz=8000, seed=number)
        for _ in range(6):
            at, length = int(rng.integers(samples.size)), int(rng.integers(1, 900))
            samples[at : at + length] = rng.choice([0.0, np.nan, np.inf, 1.0, -1.0, 1e30, 0.1])
        file = written(tmp_path / f"{number}.wav", samples[: int(rng.integers(1, samples.size))], 8000)
        lasts_s = soundfile.info(file.path).duration
        for at_s in (0.0, 0.5 * lasts_s, 0.99 * lasts_s):
            found = explain(file, at_s, EVERYTHING)
            assert json.loads(json_object(found))["said"] == headline(found)
            assert str(found.offset_s)[:3] in text(found)


def test_a_witness_changes_nothing(two: RecordingFile) -> None:
    samples, _ = soundfile.read(two.path, dtype="float32")

    class Silent:
        def frames(self, frames: object) -> None: ...

        def judged(self, judged: object) -> None: ...

    plain, watched = Detector(RATE_HZ), Detector(RATE_HZ, DetectSettings(), Silent())
    assert plain.process(0, samples) + plain.flush() == watched.process(0, samples) + watched.flush()


def test_the_json_is_one_object_of_the_same_values(two: RecordingFile) -> None:
    done = gunshot_sensor("explain", two.path, "--at", "1.0", "--json", "--p-min", "0")
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    body = json.loads(line)
    found = explain(two, 1.0, EVERYTHING)
    assert found.influences is not None
    assert body["outcome"] == "candidate"
    assert body["gates"][-1] == {
        "gate": "p_min",
        "passed": True,
        "value": gate(found, "p_min").value,
        "limit": 0.0,
        "margin": gate(found, "p_min").value,
        "unit": "",
    }
    assert len(body["sound"]["features"]) == len(found.influences.features)
    assert line == json_object(found)


def test_the_picture_shows_what_was_heard(two: RecordingFile, tmp_path: Path) -> None:
    from matplotlib.image import imread  # noqa: PLC0415  an extra

    for name, at_s in (("shot", 1.0), ("quiet", 2.5), ("end", 2.99)):
        found = explain(two, at_s, EVERYTHING)
        draw(found, tmp_path / f"{name}.png")
    shot, quiet = (imread(tmp_path / f"{name}.png") for name in ("shot", "quiet"))
    assert shot.shape == quiet.shape
    assert np.abs(shot - quiet).mean() > 0.01
    silence = written(tmp_path / "zeros.wav", np.zeros(4000), 8000)
    draw(explain(silence, 0.0, EVERYTHING), tmp_path / "zeros.png")
    with pytest.raises(ReplayError, match="cannot be written"):
        draw(found, tmp_path / "nowhere" / "x.png")
    with pytest.raises(ReplayError, match="cannot be written"):
        draw(found, tmp_path / "x.nonsense")


def test_faults_of_the_request_are_one_clear_line(two: RecordingFile, tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"lasts 3\.000 s; --at 3 lies outside"):
        explain(two, 3.0, EVERYTHING)
    with pytest.raises(AudioFileError, match="does not exist"):
        explain(RecordingFile("nowhere", tmp_path / "nowhere.wav"), 1.0, EVERYTHING)
    with pytest.raises(CaptureError, match="8000 to 192000"):
        explain(written(tmp_path / "slow.wav", np.zeros(4000), 4000), 0.1, EVERYTHING)

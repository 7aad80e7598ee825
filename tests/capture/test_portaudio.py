"""The microphone on a real PortAudio and a real sound server, which are then broken in every way at hand."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sensor.capture.portaudio import PortAudioSource
from sensor.capture.settings import CaptureSettings
from tests.support.capture_probe import CaptureProbe
from tests.support.patience import PATIENCE_S
from tests.support.virtual_mic import VirtualMic

pytestmark = pytest.mark.device

RATE_HZ = 48_000
STEP = 0.06 * RATE_HZ
"""A machine so busy that the sink's steps of 50 ms come late throughout makes one look like a loss."""
PATIENT = {"stall_s": 60.0, "close_timeout_s": 60.0, "retry_max_s": 0.5}
"""A busy machine must not be taken for a device that stalls."""
QUICK = {"stall_s": 2.0, "close_timeout_s": 2.0, "retry_max_s": 0.5}


@pytest.fixture
def mic() -> Iterator[VirtualMic]:
    with VirtualMic() as mic:
        yield mic


@pytest.fixture(scope="module")
def shared_mic() -> Iterator[VirtualMic]:
    """For tests that leave it as it was."""
    with VirtualMic() as mic:
        yield mic


def noise_file(folder: Path, seconds: float) -> tuple[Path, np.ndarray]:
    """16-bit noise without zeros, so that its first and last samples can be found."""
    values = np.random.default_rng(1).integers(1, 3_000, int(seconds * RATE_HZ)).astype(np.int16)
    path = folder / "noise.wav"
    soundfile.write(path, values, RATE_HZ, subtype="PCM_16")
    return path, values.astype(np.float32) / 32_768


def played(captured: np.ndarray) -> np.ndarray:
    """What is between the zeros before and after."""
    sounding = np.flatnonzero(captured)
    return captured[sounding[0] : sounding[-1] + 1]


def assert_indices_agree_with_time(probe: CaptureProbe) -> None:
    """The absolute index is the clock: what follows a loss is as much later as its index says.

    To less than a block of 0.1 s: on a loaded machine most times are late by many milliseconds, so the first
    quartile counts, and the sink hands samples over up to 50 ms before their nominal time. What times are
    made of to a millisecond is tested without a device (test_continuity, test_adctime).
    """
    end = 0
    offsets_s: list[list[float]] = [[]]
    for block in probe.blocks:
        assert block["first"] == end + block["lost"]
        assert block["mono_ns"] < block["now_ns"]
        end = block["end"]
        if block["lost"]:
            offsets_s.append([])
        offsets_s[-1].append(block["mono_ns"] * 1e-9 - block["first"] / RATE_HZ)
    stretches = [np.array(stretch) for stretch in offsets_s if stretch]
    on_time_s = [float(np.quantile(stretch, 0.25)) for stretch in stretches]
    assert max(on_time_s) - min(on_time_s) < 0.08
    for stretch, on_time in zip(stretches, on_time_s, strict=True):
        assert stretch.min() > on_time - 0.1


def test_what_is_played_is_captured_bit_by_bit(shared_mic: VirtualMic, tmp_path: Path) -> None:
    wav, samples = noise_file(tmp_path, 1.5)
    with CaptureProbe(shared_mic.env, tmp_path) as probe:
        probe.wait_for_blocks(3)
        shared_mic.play(wav).wait()
        probe.wait_for_blocks(5)
        captured = probe.stop()
    np.testing.assert_array_equal(played(captured[0]), samples)
    assert_indices_agree_with_time(probe)
    assert probe.stats["overruns"] == 0
    assert probe.stats["lost"] < STEP
    assert probe.stats["device"] == "name:vmic"
    assert probe.stats["rate_hz"] == RATE_HZ
    assert probe.stats["clock_domain"] == "realtime"  # PulseAudio's; not assumed, but found


def test_zeros_are_counted_while_nothing_sounds_and_no_longer(shared_mic: VirtualMic, tmp_path: Path) -> None:
    wav, _ = noise_file(tmp_path, 2.0)
    with CaptureProbe(shared_mic.env, tmp_path) as probe:
        probe.wait_for(lambda probe: probe.stats.get("zero_s", 0) > 1.0, "second of zeros")
        assert not probe.stats["stalled"]
        shared_mic.play(wav)
        probe.wait_for(lambda probe: probe.stats["zero_s"] == 0.0, "end of the zeros")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate_hz": 1_000_000}, "does not offer 1000000 Hz; set audio.rate_hz to one of 8000, "),
        ({"channels": 40}, "does not offer 40 channels"),
    ],
)
def test_a_format_the_device_does_not_offer_is_an_error_that_says_which_it_does(
    shared_mic: VirtualMic, tmp_path: Path, settings: dict[str, int], message: str
) -> None:
    with CaptureProbe(shared_mic.env, tmp_path, **settings) as probe:
        assert probe.process.wait(PATIENCE_S) == 3
        probe.wait_for(lambda probe: probe.error is not None, "error")
        assert probe.error is not None
        assert probe.error["type"] == "DeviceError"
        assert message in probe.error["message"]
        assert probe.stats["problem"] == probe.error["message"]


def test_an_unplugged_microphone_is_missed_and_taken_up_again(mic: VirtualMic, tmp_path: Path) -> None:
    wav, samples = noise_file(tmp_path, 1.0)
    with CaptureProbe(mic.env, tmp_path, **PATIENT) as probe:
        probe.wait_for_blocks(10)
        for times in (1, 2):
            mic.unplug()
            probe.wait_for(lambda probe: "cannot be opened" in str(probe.stats["problem"]), "complaint")
            assert probe.stats["stalled"]
            mic.replug()
            probe.wait_for_blocks(5)
            probe.wait_for(lambda probe: not probe.stats["stalled"], "recovery")
            assert probe.stats["problem"] is None
            assert probe.stats["reopened"] == times
        mic.play(wav).wait()
        probe.wait_for_blocks(5)
        captured = probe.stop()
    np.testing.assert_array_equal(played(captured[0]), samples)
    assert_indices_agree_with_time(probe)
    assert [block["lost"] > 0 for block in probe.blocks].count(True) == 2
    assert probe.stats["lost"] == sum(block["lost"] for block in probe.blocks)


def test_a_killed_sound_server_is_waited_for(mic: VirtualMic, tmp_path: Path) -> None:
    with CaptureProbe(mic.env, tmp_path, **PATIENT) as probe:
        probe.wait_for_blocks(10)
        mic.kill()
        probe.wait_for(lambda probe: "no input device at all" in str(probe.stats["problem"]), "complaint")
        mic.start()
        probe.wait_for_blocks(10)
        probe.stop()
    assert_indices_agree_with_time(probe)
    assert probe.stats["reopened"] == 1


def test_a_microphone_that_is_absent_at_the_start_is_waited_for(tmp_path: Path) -> None:
    with VirtualMic() as mic:
        mic.kill()
        with CaptureProbe(mic.env, tmp_path, **PATIENT) as probe:
            probe.wait_for(lambda probe: "no input device" in str(probe.stats.get("problem")), "complaint")
            assert probe.stats["stalled"]
            mic.start()
            probe.wait_for_blocks(10)
            probe.stop()
    assert_indices_agree_with_time(probe)
    assert (probe.stats["reopened"], probe.stats["lost"]) == (0, 0)


def test_waiting_for_a_microphone_ends_at_close(tmp_path: Path) -> None:
    with VirtualMic() as mic:
        mic.kill()
        with CaptureProbe(mic.env, tmp_path) as probe:
            probe.wait_for(lambda probe: bool(probe.stats.get("problem")), "complaint")
            assert probe.stop().size == 0


def test_a_frozen_sound_server_ends_the_process_in_bounded_time(mic: VirtualMic, tmp_path: Path) -> None:
    """PortAudio waits 30 s for it in abort and again in close; only a new process gets out of that."""
    with CaptureProbe(mic.env, tmp_path, **QUICK) as probe:
        probe.wait_for_blocks(10)
        mic.stop()
        try:
            assert probe.process.wait(PATIENCE_S) == 3
        finally:
            mic.cont()
        probe.wait_for(lambda probe: probe.error is not None, "error")
        assert probe.error is not None
        assert "cannot be closed within 2 s; the process must be started anew" in probe.error["message"]


def test_opening_at_a_frozen_sound_server_takes_bounded_time(mic: VirtualMic, tmp_path: Path) -> None:
    mic.stop()
    try:
        with CaptureProbe(mic.env, tmp_path, open_timeout_s=1.0) as probe:
            assert probe.process.wait(PATIENCE_S) == 3
            probe.wait_for(lambda probe: probe.error is not None, "error")
            assert probe.error is not None
            assert "hangs in the driver for 1 s" in probe.error["message"]
    finally:
        mic.cont()


def test_close_does_not_wait_for_an_opening_that_hangs(mic: VirtualMic, tmp_path: Path) -> None:
    mic.stop()
    try:
        with CaptureProbe(mic.env, tmp_path, open_timeout_s=600.0) as probe:
            probe.wait_for(lambda probe: bool(probe.stats), "sign of life")
            assert probe.stop().size == 0
    finally:
        mic.cont()


def test_a_sound_server_that_stumbles_costs_nothing(mic: VirtualMic, tmp_path: Path) -> None:
    """It delivers late what it has, with times that jump; no sample is lost and none is thought to be."""
    wav, samples = noise_file(tmp_path, 3.0)
    with CaptureProbe(mic.env, tmp_path, **PATIENT) as probe:
        probe.wait_for_blocks(10)
        player = mic.play(wav)
        probe.wait_for_blocks(10)
        at_rest = len(probe.blocks)
        mic.stop()
        time.sleep(0.6)  # the stumble itself
        mic.cont()
        player.wait()
        probe.wait_for_blocks(5)
        captured = probe.stop()
    assert len(probe.blocks) > at_rest + 10
    np.testing.assert_array_equal(played(captured[0]), samples)
    assert_indices_agree_with_time(probe)
    assert probe.stats["reopened"] == 0
    assert probe.stats["lost"] < STEP


def test_a_process_that_was_itself_frozen_does_not_blame_the_microphone(
    shared_mic: VirtualMic, tmp_path: Path
) -> None:
    with CaptureProbe(shared_mic.env, tmp_path, **QUICK) as probe:
        probe.wait_for_blocks(10)
        probe.process.send_signal(signal.SIGSTOP)
        time.sleep(2 * QUICK["stall_s"])  # the freeze itself
        probe.process.send_signal(signal.SIGCONT)
        probe.wait_for_blocks(20)
        probe.stop()
    assert_indices_agree_with_time(probe)
    assert probe.stats["reopened"] == 0
    assert probe.stats["lost"] < STEP


def test_a_reader_that_is_too_slow_loses_samples_by_count(shared_mic: VirtualMic, tmp_path: Path) -> None:
    with CaptureProbe(shared_mic.env, tmp_path, ring_s=0.4, dawdle_s=0.9) as probe:
        probe.wait_for(lambda probe: probe.stats.get("overruns", 0) >= 2, "second overrun")
        probe.stop()
    assert_indices_agree_with_time(probe)
    assert probe.stats["lost"] > 0
    assert probe.stats["reopened"] == 0


def test_a_callback_that_fails_is_noticed_and_auto_keeps_to_its_microphone(
    shared_mic: VirtualMic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PortAudio swallows what a callback raises: unnoticed, the sensor would be deaf for ever."""
    for name, value in shared_mic.variables.items():
        monkeypatch.setenv(name, value)
    source = PortAudioSource(CaptureSettings(device="auto"))
    assert source.name == "auto"
    blocks = source.blocks()
    next(blocks)
    stream = source._stream
    assert stream is not None
    monkeypatch.setattr(stream, "channels", 0)  # its ring takes no samples without channels
    while source.stats().reopened == 0:
        next(blocks)
    source.close()
    assert isinstance(stream.error, ValueError)
    assert source.name == source._selection == "name:vmic"
    assert source.stats().lost > 0

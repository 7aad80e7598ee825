"""Channels whose mean is not what they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sensor.replay.channels import Channels
from tests.support.command import gunshot_sensor
from tests.support.impulses import bursts

NOISE = np.random.default_rng(1).normal(0.0, 0.1, (8, 24_000)).astype(np.float32)


def fault(samples: np.ndarray, listen: tuple[int, ...] | None = None) -> str | None:
    """What is said of channels heard in blocks of 0.1 s at 48 kHz."""
    channels = Channels(listen)
    for first in range(0, samples.shape[1], 4800):
        channels.hear(samples[:, first : first + 4800])
    return channels.fault


def test_opposite_polarity_is_told_with_what_is_left() -> None:
    assert "their mean, which is what is heard, is silent;" in str(fault(np.stack((NOISE[0], -NOISE[0]))))
    nearly = fault(np.stack((NOISE[0] + 0.3, -0.98 * NOISE[0] + 0.3)))
    assert "is 40 dB below them;" in str(nearly)  # 0.01 of one is left, below what both have on average


@pytest.mark.parametrize(
    "samples",
    [NOISE, NOISE[:1], np.stack((NOISE[0], NOISE[0])), np.zeros((2, 4800), np.float32), NOISE[:, :0]],
)
def test_other_channels_do_not_cancel(samples: np.ndarray) -> None:
    assert fault(samples) is None


def test_only_what_is_listened_to_and_is_finite_counts() -> None:
    three = np.stack((NOISE[0], -NOISE[0], NOISE[1]))
    assert fault(three) is None
    assert fault(three, (0, 1)) is not None
    assert fault(three, (1,)) is None
    broken = np.stack((NOISE[0], -NOISE[0]))
    broken[0, 100] = np.nan
    assert fault(broken) is not None
    assert fault(np.full((2, 4800), np.inf, np.float32)) is None


def test_a_replay_says_that_it_did_not_hear_a_recording(tmp_path: Path) -> None:
    shot = bursts((1.0,), seconds=2.0)
    soundfile.write(tmp_path / "a.wav", np.stack((shot, -shot), axis=1), 48_000)
    soundfile.write(tmp_path / "b.wav", np.stack((shot, shot), axis=1), 48_000)
    done = gunshot_sensor("replay", "--jsonl", "--p-min", "0", "--jobs", "2", tmp_path)
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("not heard: ")]
    assert line.startswith(f"not heard: {tmp_path / 'a.wav'}: its channels cancel")
    assert "a.wav" not in done.stdout
    assert "b.wav" in done.stdout
    (tmp_path / "config.yaml").write_text("audio: {listen_channels: [0]}\n")
    done = gunshot_sensor("replay", "--p-min", "0", "-c", tmp_path / "config.yaml", tmp_path / "a.wav")
    assert "not heard" not in done.stderr

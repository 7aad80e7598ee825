from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.capture.continuity import START_PIECES, Continuity, Piece

RATE_HZ = 48_000
START_NS = 7_000_000_000_000


@dataclass
class Stream:
    """A driver at work: true times, and what it says of them."""

    frames: int = 4_800
    ppm: float = 0.0
    late_ns: int = 50_000
    seed: int = 1

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311  a test's noise
        self.first = 0
        self.passed = 0

    def piece(self, *, lost: int = 0, error_ns: int = 0, delay_ns: int = 0, overflow: bool = False) -> Piece:
        """The next piece, ``lost`` samples on; its time off by ``error_ns``, its callback by ``delay_ns``."""
        self.passed += lost
        true_ns = self.true_ns(self.passed)
        late_ns = self.random.randrange(self.late_ns) if self.late_ns else 0
        span_ns = self.frames * 1_000_000_000 // RATE_HZ
        piece = Piece(
            first=self.first,
            frames=self.frames,
            mono_ns=true_ns + late_ns + error_ns,
            arrival_ns=self.true_ns(self.passed + self.frames) - span_ns + late_ns + delay_ns + 100_000,
            overflow=overflow,
        )
        self.first += self.frames
        self.passed += self.frames
        return piece

    def true_ns(self, passed: int) -> int:
        return START_NS + round(passed / RATE_HZ / (1 + self.ppm * 1e-6) * 1e9)


def run(continuity: Continuity, stream: Stream, count: int) -> list[Piece]:
    return [out for _ in range(count) for out in continuity.push(stream.piece())]


@pytest.mark.parametrize("ppm", [-500.0, -50.0, 0.0, 50.0, 500.0])
@pytest.mark.parametrize("frames", [480, 4_800, 24_000])
@pytest.mark.parametrize("late_ns", [0, 30_000, 1_000_000])
def test_a_sound_stream_passes_at_once_and_whole(ppm: float, frames: int, late_ns: int) -> None:
    stream = Stream(frames=frames, ppm=ppm, late_ns=late_ns)
    continuity = Continuity(RATE_HZ)
    start = run(continuity, stream, START_PIECES)
    assert [piece.first for piece in start] == [number * frames for number in range(START_PIECES)]
    for _ in range(300):
        (out,) = continuity.push(stream.piece())
        assert out.lost == 0


@given(st.integers(0, 10_000))
@settings(deadline=None)
def test_late_times_now_and_then_lose_nothing_but_patience(seed: int) -> None:
    """One block in ten is up to 100 ms late, as raw USB times are; every piece comes out, in order."""
    stream, continuity = Stream(seed=seed), Continuity(RATE_HZ)
    out = run(continuity, stream, 10)
    for _ in range(100):
        late = stream.random.random() < 0.1
        out += continuity.push(stream.piece(error_ns=stream.random.randrange(100_000_000) if late else 0))
    out += run(continuity, stream, 2)
    assert [piece.first for piece in out] == [number * stream.frames for number in range(112)]
    assert not any(piece.lost for piece in out)


@given(st.integers(400, 480_000), st.sampled_from([480, 2_400, 4_800]), st.integers(0, 100))
@settings(deadline=None)
def test_a_loss_is_found_without_a_flag_and_counted_to_the_millisecond(
    lost: int, frames: int, seed: int
) -> None:
    stream, continuity = Stream(frames=frames, seed=seed), Continuity(RATE_HZ)
    out = run(continuity, stream, 40)
    out += continuity.push(stream.piece(lost=lost))
    out += run(continuity, stream, 80)
    found = [piece for piece in out if piece.lost]
    assert [piece.first for piece in found] == [40 * frames]
    assert found[0].lost == pytest.approx(lost, abs=RATE_HZ * 1e-3)
    assert len(out) == 121


def test_a_flag_makes_even_a_loss_too_short_to_see_one() -> None:
    stream, continuity = Stream(), Continuity(RATE_HZ)
    out = run(continuity, stream, 20)
    out += continuity.push(stream.piece(lost=3, overflow=True))
    out += run(continuity, stream, 10)
    assert [piece.first for piece in out if piece.lost] == [20 * stream.frames]


def test_two_flags_in_a_row_are_two_losses() -> None:
    stream, continuity = Stream(), Continuity(RATE_HZ)
    out = run(continuity, stream, 20)
    out += continuity.push(stream.piece(lost=4_800, overflow=True))
    out += continuity.push(stream.piece(lost=9_600, overflow=True))
    out += run(continuity, stream, 10)
    assert [round(piece.lost, -2) for piece in out if piece.lost] == [4_800, 9_600]


def test_a_flag_on_the_very_first_block_is_no_loss() -> None:
    stream, continuity = Stream(), Continuity(RATE_HZ)
    out = continuity.push(stream.piece(overflow=True))
    out += run(continuity, stream, 9)
    assert [piece.lost for piece in out] == [0] * 10


def test_a_flag_soon_after_the_start_is_a_loss() -> None:
    stream, continuity = Stream(), Continuity(RATE_HZ)
    out = run(continuity, stream, 2)
    out += continuity.push(stream.piece(lost=4_800, overflow=True))
    out += run(continuity, stream, 9)
    assert [piece.first for piece in out if piece.lost] == [2 * stream.frames]
    assert len(out) == 12


@pytest.mark.parametrize("error_ns", [-17_000_000, 30_000_000])
def test_a_first_time_that_is_off_is_set_right_by_those_after_it(error_ns: int) -> None:
    stream, continuity = Stream(late_ns=20_000), Continuity(RATE_HZ)
    true_ns = stream.true_ns(0)
    out = continuity.push(stream.piece(error_ns=error_ns))
    out += run(continuity, stream, 40)
    assert not any(piece.lost for piece in out)
    assert -20_000 <= out[0].mono_ns - true_ns <= 120_000


def test_a_stream_that_ends_at_once_loses_nothing() -> None:
    stream, continuity = Stream(), Continuity(RATE_HZ)
    assert run(continuity, stream, 2) == []
    assert [piece.lost for piece in continuity.flush()] == [0, 0]
    assert Continuity(RATE_HZ).flush() == []


def test_catching_up_after_a_pause_is_no_loss_though_times_jump_both_ways() -> None:
    """What PulseAudio said after 0.5 s of standstill; the samples were complete."""
    stream, continuity = Stream(late_ns=20_000), Continuity(RATE_HZ)
    out = run(continuity, stream, 20)
    steps_ms = [(0, 450), (-50, 350), (-50, 250), (50, 150), (50, 50), (-95, 0), (0, 0), (0, 0)]
    for error_ms, delay_ms in steps_ms:
        out += continuity.push(stream.piece(error_ns=error_ms * 1_000_000, delay_ns=delay_ms * 1_000_000))
    out += run(continuity, stream, 40)
    assert len(out) == 68
    assert not any(piece.lost for piece in out)


def test_times_much_too_early_do_not_get_through() -> None:
    stream, continuity = Stream(late_ns=20_000), Continuity(RATE_HZ)
    run(continuity, stream, 20)
    true_ns = stream.true_ns(stream.passed)
    (out,) = continuity.push(stream.piece(error_ns=-50_000_000))
    assert abs(out.mono_ns - true_ns) < 100_000


@pytest.mark.parametrize("excess_ns", [0, 10_000_000, 49_500_000])
def test_times_later_than_the_samples_were_in_hand_are_moved_alike(excess_ns: int) -> None:
    stream, continuity = Stream(late_ns=20_000), Continuity(RATE_HZ)
    out = []
    for _ in range(50):
        out += continuity.push(stream.piece(error_ns=excess_ns))
    errors_ns = [piece.mono_ns - stream.true_ns(piece.first) for piece in out]
    assert all(0 <= error_ns <= 120_000 for error_ns in errors_ns)


def test_the_end_of_a_stream_gives_up_what_was_held_back() -> None:
    stream, continuity = Stream(), Continuity(RATE_HZ)
    run(continuity, stream, 20)
    assert continuity.push(stream.piece(lost=4_800)) == []
    (held,) = continuity.flush()
    assert held.lost == pytest.approx(4_800, abs=48)
    assert continuity.flush() == []

from __future__ import annotations

import struct
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.capture.audiofile import AudioFileSource
from sensor.errors import AudioFileError

RATE_HZ = 48_000
FORMATS = [
    ("wav", "WAV", "PCM_16"),
    ("wav", "WAV", "PCM_24"),
    ("wav", "WAV", "FLOAT"),
    ("wav", "WAVEX", "PCM_16"),
    ("rf64", "RF64", "PCM_16"),
    ("flac", "FLAC", "PCM_24"),
]


def noise(frames: int, channels: int = 1, seed: int = 1) -> np.ndarray:
    """16-bit values in ±1.0, shape (n, channels): every lossless format keeps them exactly."""
    values = np.random.default_rng(seed).integers(-32_768, 32_768, (frames, channels))
    return (values / 32_768).astype(np.float32)


def write(path: Path, samples: np.ndarray, *, kind: str = "WAV", subtype: str = "PCM_16") -> Path:
    soundfile.write(path, samples, RATE_HZ, format=kind, subtype=subtype)
    return path


def read(source: AudioFileSource) -> np.ndarray:
    """Everything, shape (channels, n); indices are checked on the way."""
    parts = []
    end = 0
    for block in source.blocks():
        assert (block.first, block.lost) == (end, 0)
        end = block.end
        parts.append(block.samples)
    assert source.stats().samples == end
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize(("suffix", "kind", "subtype"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_lossless_files_are_read_exactly(
    tmp_path: Path, suffix: str, kind: str, subtype: str, channels: int
) -> None:
    samples = noise(12_345, channels)
    source = AudioFileSource(write(tmp_path / f"a.{suffix}", samples, kind=kind, subtype=subtype))
    assert (source.rate_hz, source.channels) == (RATE_HZ, channels)
    np.testing.assert_array_equal(read(source), samples.T)
    assert source.stats().damaged is None


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_is_read_to_its_full_length(tmp_path: Path, subtype: str) -> None:
    tone = 0.3 * np.sin(np.arange(RATE_HZ) / 10).astype(np.float32)[:, None]
    source = AudioFileSource(write(tmp_path / "a.ogg", tone, kind="OGG", subtype=subtype))
    heard = read(source)
    assert heard.shape == (1, RATE_HZ)
    assert np.abs(heard[0, 2_000:-2_000] - tone[2_000:-2_000, 0]).max() < 0.05
    assert source.stats().damaged is None


@given(frames=st.integers(1, 3_000), block_s=st.floats(1e-5, 0.1))
@settings(max_examples=30, deadline=None)
def test_block_length_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, frames: int, block_s: float
) -> None:
    samples = noise(frames)
    path = write(tmp_path_factory.mktemp("any") / "a.flac", samples, kind="FLAC")
    np.testing.assert_array_equal(read(AudioFileSource(path, block_s=block_s)), samples.T)


def test_nan_infinite_and_overdriven_samples_pass_through(tmp_path: Path) -> None:
    samples = np.array([[0.5, np.nan, np.inf, -np.inf, 7.5]], dtype=np.float32).T
    source = AudioFileSource(write(tmp_path / "a.wav", samples, subtype="FLOAT"))
    np.testing.assert_array_equal(read(source), samples.T)
    assert source.stats().damaged is None


def test_a_name_does_not_matter_but_the_content_does(tmp_path: Path) -> None:
    samples = noise(1_000)
    for name in ("flac.wav", "no_suffix", "x.raw", "ümläut.txt"):
        path = write(tmp_path / name, samples, kind="FLAC")
        np.testing.assert_array_equal(read(AudioFileSource(path)), samples.T)


def test_as_fast_as_possible_states_no_time(tmp_path: Path) -> None:
    source = AudioFileSource(write(tmp_path / "a.wav", noise(10_000)))
    assert {block.mono_ns for block in source.blocks()} == {0}


def test_in_real_time_each_block_comes_when_it_has_been_played(tmp_path: Path) -> None:
    source = AudioFileSource(write(tmp_path / "a.wav", noise(RATE_HZ // 2)), realtime=True)
    before_ns = time.monotonic_ns()
    blocks = [(block, time.monotonic_ns()) for block in source.blocks()]
    start_ns = blocks[0][0].mono_ns
    assert start_ns >= before_ns
    for block, came_ns in blocks:
        assert block.mono_ns - start_ns == pytest.approx(block.first / RATE_HZ * 1e9, abs=2)
        assert came_ns >= start_ns + block.end / RATE_HZ * 1e9 - 2
    assert source.stats().samples == RATE_HZ // 2


def test_it_begins_at_the_moment_named(tmp_path: Path) -> None:
    begin_ns = time.monotonic_ns() + 300_000_000
    source = AudioFileSource(
        write(tmp_path / "a.wav", noise(4800)), realtime=True, block_s=0.05, begin_mono_ns=begin_ns
    )
    times_ns = []
    for block in source.blocks():
        times_ns.append(block.mono_ns)
        assert time.monotonic_ns() >= block.mono_ns + 50_000_000  # never before it was played
    assert times_ns == [begin_ns, begin_ns + 50_000_000]


def test_repeated_it_goes_on_without_a_gap_until_it_is_closed(tmp_path: Path) -> None:
    whole = noise(7000)
    source = AudioFileSource(write(tmp_path / "a.wav", whole), block_s=0.05, repeat=True)
    blocks = []
    for block in source.blocks():
        blocks.append(block)
        if len(blocks) == 9:  # three blocks a pass
            source.close()
    assert [block.first for block in blocks[:4]] == [0, 2400, 4800, 7000]
    heard = np.concatenate([block.samples[0] for block in blocks])
    once = read(AudioFileSource(tmp_path / "a.wav"))
    np.testing.assert_array_equal(heard, np.tile(once[0], 3))
    assert source.stats().damaged is None


def test_zeros_up_to_now_are_counted_per_channel(tmp_path: Path) -> None:
    samples = noise(RATE_HZ, 2)
    samples[-RATE_HZ // 4 :, 1] = 0.0
    samples[-RATE_HZ // 4 - 1, 1] = 0.5
    source = AudioFileSource(write(tmp_path / "a.wav", samples))
    read(source)
    assert source.stats().zero_s == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("suffix", "kind", "subtype"), [*FORMATS, ("ogg", "OGG", "VORBIS"), ("ogg", "OGG", "OPUS")]
)
def test_what_comes_after_a_skip_is_what_comes_without(
    tmp_path: Path, suffix: str, kind: str, subtype: str
) -> None:
    path = write(tmp_path / f"a.{suffix}", 0.5 * noise(2 * RATE_HZ), kind=kind, subtype=subtype)
    source = AudioFileSource(path, block_s=0.05)
    source.skip(70_001)
    blocks = list(source.blocks())
    assert (blocks[0].first, blocks[-1].end) == (70_001, 2 * RATE_HZ)
    heard = np.concatenate([block.samples for block in blocks], axis=1)
    whole = read(AudioFileSource(path))[:, 70_001:]
    np.testing.assert_allclose(heard[:, 4800:], whole[:, 4800:], atol=0.0 if kind != "OGG" else 1e-3)


def test_skipping_does_not_decode_what_is_skipped(tmp_path: Path) -> None:
    samples = noise(200 * RATE_HZ)
    source = AudioFileSource(write(tmp_path / "a.flac", samples, kind="FLAC"))
    begin_s = time.process_time()
    source.skip(199 * RATE_HZ)
    block = next(source.blocks())
    took_s = time.process_time() - begin_s
    np.testing.assert_array_equal(block.samples, samples[199 * RATE_HZ :][: block.samples.shape[1]].T)
    assert took_s < 0.2  # all of it takes 1 s


def test_a_file_that_cannot_be_searched_begins_before(tmp_path: Path) -> None:
    """Cut off, of unstated length, and shorter than what is to be skipped."""
    samples = noise(2 * RATE_HZ)
    cut = write(tmp_path / "cut.flac", samples, kind="FLAC")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    unstated = write(tmp_path / "unstated.flac", samples, kind="FLAC")
    rate_and_total = unstated.read_bytes()[18:26]
    patched(unstated, b"fLaC", 18, rate_and_total[:3] + bytes([rate_and_total[3] & 0xF0]) + bytes(4))
    for path, wanted in ((cut, 40_000), (cut, 90_000), (unstated, 40_000), (unstated, 200_000)):
        whole = read(AudioFileSource(path))
        source = AudioFileSource(path)
        source.skip(wanted)
        blocks = list(source.blocks())
        first = blocks[0].first
        assert first <= wanted
        heard = np.concatenate([block.samples for block in blocks], axis=1)
        np.testing.assert_array_equal(heard, whole[:, first:])


# ---- files that are not what they should be


def test_no_file_an_empty_one_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    for path, why in [(tmp_path / "no.wav", "does not exist"), (empty, "is empty"), (tmp_path, "is no file")]:
        with pytest.raises(AudioFileError, match=why) as caught:
            AudioFileSource(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"hello" * 1_000, b"RIFF", b"\0" * 5_000, b"fLaC" + b"\xff" * 100])
def test_a_mislabelled_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioFileError, match="convert it to WAV or FLAC"):
        AudioFileSource(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_a_header_alone_is_refused(tmp_path: Path, suffix: str) -> None:
    whole = write(tmp_path / f"a.{suffix}", noise(1_000), kind=suffix.upper(), subtype=None)  # type: ignore[arg-type]  # its default
    whole.write_bytes(whole.read_bytes()[:30])
    with pytest.raises(AudioFileError):
        AudioFileSource(whole)


def test_a_recording_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="holds no samples"):
        AudioFileSource(write(tmp_path / "a.wav", noise(0)))


def patched(path: Path, marker: bytes, offset: int, value: bytes) -> Path:
    """The file with ``value`` written ``offset`` bytes after ``marker``."""
    content = bytearray(path.read_bytes())
    at = content.index(marker) + offset
    content[at : at + len(value)] = value
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (10, struct.pack("<H", 0)),  # channels
        (10, struct.pack("<H", 60_000)),
        (12, struct.pack("<I", 0)),  # rate
        (12, struct.pack("<I", 2_000_000_000)),
        (12, struct.pack("<I", 0xFFFFFFF0)),
    ],
)
def test_a_header_that_cannot_be_true_is_refused(tmp_path: Path, offset: int, value: bytes) -> None:
    path = patched(write(tmp_path / "a.wav", noise(1_000)), b"fmt ", offset, value)
    with pytest.raises(AudioFileError):
        AudioFileSource(path)


@pytest.mark.parametrize(("suffix", "kind", "subtype"), FORMATS)
def test_a_file_cut_off_is_read_as_far_as_it_goes_and_marked(
    tmp_path: Path, suffix: str, kind: str, subtype: str
) -> None:
    samples = noise(2 * RATE_HZ)
    path = write(tmp_path / f"a.{suffix}", samples, kind=kind, subtype=subtype)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    source = AudioFileSource(path)
    heard = read(source)
    assert heard.shape[1] == pytest.approx(RATE_HZ, rel=0.1)
    np.testing.assert_array_equal(heard, samples.T[:, : heard.shape[1]])
    assert source.stats().damaged
    assert source.stats().problem == source.stats().damaged


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_file_cut_off_is_marked(tmp_path: Path, subtype: str) -> None:
    path = write(tmp_path / "a.ogg", noise(2 * RATE_HZ) * 0.1, kind="OGG", subtype=subtype)
    path.write_bytes(path.read_bytes()[:-5_000])
    source = AudioFileSource(path)
    assert read(source).shape[1] > RATE_HZ // 2
    assert source.stats().damaged


def test_damage_in_the_middle_keeps_what_came_before(tmp_path: Path) -> None:
    samples = noise(2 * RATE_HZ)
    path = write(tmp_path / "a.flac", samples, kind="FLAC")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 500] = bytes(500)
    path.write_bytes(content)
    source = AudioFileSource(path)
    heard = read(source)
    assert RATE_HZ // 2 < heard.shape[1] < 2 * RATE_HZ
    np.testing.assert_array_equal(heard, samples.T[:, : heard.shape[1]])
    assert "after its start" in str(source.stats().damaged)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF - 36, 0x7FFFF000])
def test_a_size_that_a_recorder_left_open_is_no_damage(tmp_path: Path, size: int) -> None:
    samples = noise(5_000)
    path = patched(write(tmp_path / "a.wav", samples), b"data", 4, struct.pack("<I", size))
    source = AudioFileSource(path)
    np.testing.assert_array_equal(read(source), samples.T)
    assert source.stats().damaged is None


def test_a_flac_stream_of_unstated_length_is_no_damage(tmp_path: Path) -> None:
    for frames in (9_600, 9_700):  # with and without a last short block
        samples = noise(frames)
        path = write(tmp_path / "a.flac", samples, kind="FLAC")
        rate_and_total = path.read_bytes()[18:26]
        path = patched(path, b"fLaC", 18, rate_and_total[:3] + bytes([rate_and_total[3] & 0xF0]) + bytes(4))
        source = AudioFileSource(path)
        np.testing.assert_array_equal(read(source), samples.T)
        assert source.stats().damaged is None


def test_a_header_that_promises_months_costs_no_memory(tmp_path: Path) -> None:
    samples = noise(5_000)
    path = write(tmp_path / "a.flac", samples, kind="FLAC")
    rate_and_total = path.read_bytes()[18:26]
    path = patched(path, b"fLaC", 18, rate_and_total[:3] + bytes([rate_and_total[3] | 0x0F]) + b"\xff" * 4)
    source = AudioFileSource(path)
    np.testing.assert_array_equal(read(source), samples.T)
    assert "promises" in str(source.stats().damaged)


@given(st.binary(max_size=400), st.sampled_from([b"", b"RIFF", b"RF64", b"fLaC", b"OggS", b"ID3\x03"]))
@settings(max_examples=200, deadline=None)
def test_rubbish_is_refused_or_read_but_never_more(
    tmp_path_factory: pytest.TempPathFactory, rubbish: bytes, magic: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "rubbish.wav"
    path.write_bytes(magic + rubbish)
    try:
        source = AudioFileSource(path)
    except AudioFileError:
        return
    assert sum(block.samples.shape[1] for block in source.blocks()) <= len(rubbish)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_recording_with_flipped_bytes_is_refused_or_read_to_an_end(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    suffix = data.draw(st.sampled_from(["wav", "flac", "ogg", "rf64"]))
    path = tmp_path_factory.getbasetemp() / f"flipped.{suffix}"
    soundfile.write(path, noise(3_000) * 0.5, 8_000, format=suffix.upper())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.one_of(st.integers(0, 80), st.integers(0, len(content) - 1)))
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        source = AudioFileSource(path)
    except AudioFileError:
        return
    assert sum(block.samples.shape[1] for block in source.blocks()) < 100_000


def test_after_the_end_the_file_is_closed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(1_000))
    source = AudioFileSource(path)
    read(source)
    open_files = [entry.resolve() for entry in Path("/proc/self/fd").iterdir() if entry.exists()]
    assert path.resolve() not in open_files


def test_a_path_that_cannot_be_looked_at_is_one_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AudioFileError, match="cannot be opened: File name too long"):
        AudioFileSource(tmp_path / ("a" * 300 + ".wav"))

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", deny)  # as of a file in a folder that this user may not enter
    with pytest.raises(AudioFileError, match="cannot be opened: Permission denied"):
        AudioFileSource(tmp_path / "a.wav")

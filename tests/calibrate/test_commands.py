"""The scripts as a technician runs them: from files, and from a real PortAudio stream."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sensor.calibrate.record import load_latency, load_level, load_noise, load_position
from sensor.config import load_config
from sensor.errors import CalibrationError
from tests.support.calibration_command import run
from tests.support.calibration_signals import (
    Floats,
    calibrator_tone,
    gpsd_lines,
    pulse_per_second,
    street,
    wander,
)
from tests.support.patience import PATIENCE_S
from tests.support.virtual_mic import VirtualMic

ROOT = Path(__file__).parents[2]


def start(name: str, *arguments: object, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / f"calibrate_{name}.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )


def write(path: Path, mono: Floats, rate_hz: int = 16_000) -> Path:
    soundfile.write(path, np.clip(mono, -1.0, 1.0 - 2.0**-15), rate_hz, subtype="PCM_16")
    return path


def test_a_level_from_a_file_ends_with_figure_verdict_picture_and_record(tmp_path: Path) -> None:
    wav = write(tmp_path / "tone.wav", calibrator_tone())
    arguments = ("--file", wav, "--device", "card:Mic", "--state-dir", tmp_path, "--out", tmp_path)
    done = start("level", *arguments, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS: 0 dBFS = 117.01 dB SPL" in done.stdout
    assert "\r" not in done.stdout
    record = load_level(tmp_path, "card:Mic")
    assert record is not None
    assert record.full_scale_db_spl == pytest.approx(117.01, abs=0.01)
    (picture,) = tmp_path.glob("level-*.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert str(picture) in done.stdout
    with pytest.raises(CalibrationError, match="belongs to device"):
        load_level(tmp_path, "card:Other")


def test_two_files_prove_linearity_or_disprove_it(tmp_path: Path) -> None:
    low = write(tmp_path / "94.wav", calibrator_tone(amplitude_fs=0.05, quiet_s=0.0, tail_s=0.0))
    high = write(tmp_path / "114.wav", calibrator_tone(amplitude_fs=0.5, quiet_s=0.0, tail_s=0.0))
    flat = write(tmp_path / "flat.wav", calibrator_tone(amplitude_fs=0.1, quiet_s=0.0, tail_s=0.0))
    common = ("--device", "card:Mic", "--state-dir", tmp_path, "--file", low, "--second-level", 114)
    code, printed = run("level", *common, "--second-file", high)
    assert code == 0, printed
    assert "PASS" in printed, "the onset was not seen, but two levels prove more"
    code, printed = run("level", *common, "--second-file", flat)
    assert code == 1
    assert "A step of 20 dB at the microphone came out as 6.02 dB" in printed
    assert "stays in force" in printed
    assert load_level(tmp_path, "card:Mic") is not None, "the record before still stands"


@pytest.mark.parametrize(("types", "saved"), [("y\n", True), ("n\n", False), ("\n", False), ("", False)])
def test_a_figure_with_reservations_is_saved_only_if_the_technician_agrees(
    types: str, *, saved: bool, tmp_path: Path
) -> None:
    wav = write(tmp_path / "tone.wav", calibrator_tone(quiet_s=0.0, tail_s=0.0))
    arguments = ("--file", wav, "--device", "card:Mic", "--state-dir", tmp_path)
    code, printed = run("level", *arguments, types=types)
    assert "WARN: 0 dBFS" in printed
    assert "[y/N]" in printed
    assert (code == 0) is saved
    record = load_level(tmp_path, "card:Mic")
    assert (record is not None) is saved
    if record is not None:
        assert record.verdict == "WARN"
        assert "switched on" in record.remarks[0]


def test_a_survey_uses_the_level_calibration_of_its_own_microphone_only(tmp_path: Path) -> None:
    tone = write(tmp_path / "tone.wav", calibrator_tone())
    site = write(tmp_path / "site.wav", street(12.0, 16_000))
    assert run("level", "--file", tone, "--device", "card:Mic", "--state-dir", tmp_path)[0] == 0
    code, printed = run("noise", "--file", site, "--device", "card:Mic", "--state-dir", tmp_path)
    assert code == 0, printed
    assert "dB SPL, A-weighted" in printed
    record = load_noise(tmp_path, "card:Mic")
    level = load_level(tmp_path, "card:Mic")
    assert record is not None
    assert level is not None
    assert record.level_calibration == level.id
    _, printed = run("noise", "--file", site, "--device", "card:Mic", "--state-dir", tmp_path)
    assert "0.0 dB against the last survey" in printed
    _, printed = run("noise", "--file", site, "--device", "card:Other", "--state-dir", tmp_path)
    assert "belongs to device 'card:Mic'" in printed
    assert "dBFS, A-weighted" in printed


def test_a_latency_from_a_file_of_pulses_on_its_second_channel(tmp_path: Path) -> None:
    wav = tmp_path / "pps.wav"
    pulses = pulse_per_second(seconds=20.0, latency_s=0.0041)
    soundfile.write(wav, np.stack([street(20.0, 48_000), pulses], axis=1), 48_000, subtype="PCM_16")
    common = ("--file", wav, "--device", "card:Mic", "--state-dir", tmp_path, "--channel", 1)
    code, printed = run("clock", *common, "--start", "2026-01-01T00:00:00.3Z")
    assert code == 0, printed
    record = load_latency(tmp_path, "card:Mic", rate_hz=48_000)
    assert record is not None
    assert record.latency_s == pytest.approx(0.0041, abs=5e-6)
    assert record.sigma_s >= 1e-4, "the start of the file is no better known"
    (picture,) = (tmp_path / "calibration" / "history").glob("clock-*.png")
    assert picture.stat().st_size > 5_000
    emissions = tmp_path / "emissions.txt"
    first_ns = 1_767_225_600 * 10**9
    emissions.write_text("# utc_ns\n" + "".join(f"{first_ns + n * 10**9 + 100_000}\n" for n in range(25)))
    _, printed = run("clock", *common, "--start", "2026-01-01T00:00:00.3Z", "--emissions", emissions)
    assert "stamps are 4.0" in printed
    emissions.write_text("12.5\n")
    code, printed = run("clock", *common, "--start", "2026-01-01T00:00Z", "--emissions", emissions)
    assert code == 1
    assert f"{emissions}:1" in printed


def test_a_position_from_recorded_fixes_prints_the_lines_for_the_configuration(tmp_path: Path) -> None:
    fixes = tmp_path / "fixes.jsonl"
    errors_m = wander(4000, 1.0, 10.0, 4)
    fixes.write_text("\n".join(['{"class":"VERSION"}', *gpsd_lines(errors_m - errors_m.mean(axis=0), 1.0)]))
    code, printed = run("position", "--file", fixes, "--state-dir", tmp_path, "--offset", 0, 0, -2)
    assert code == 0, printed
    survey = load_position(tmp_path)
    assert survey is not None
    assert survey.height_m == pytest.approx(85.5, abs=0.01)
    (section,) = re.findall(r"(?m)^   position:\n(?:     .*\n)+", printed)
    config = tmp_path / "config.yaml"
    config.write_text(textwrap.dedent(section))
    loaded = load_config(config).position
    assert loaded is not None
    assert loaded.lat_deg == pytest.approx(35.994, abs=2e-6)
    assert loaded.sigma_m == pytest.approx(survey.sigma_m, abs=0.05)
    assert list((tmp_path / "calibration" / "history").glob("position-*.png"))


def test_nodes_side_by_side_are_compared(tmp_path: Path) -> None:
    claps = tmp_path / "claps.jsonl"
    lines = [
        json.dumps({"node": node, "utc_ns": 1_767_225_600 * 10**9 + n * 2 * 10**9 + late_ns})
        for n in range(20)
        for node, late_ns in (("north", 0), ("east", 1_500_000), ("west", -200_000))
    ]
    claps.write_text("\n".join(lines))
    code, printed = run("clock", "--colocated", claps, "--state-dir", tmp_path)
    assert code == 0, printed
    assert re.search(r"east +\+1\.500 ms", printed), printed
    claps.write_text("\n".join(lines[:1]))
    code, printed = run("clock", "--colocated", claps, "--state-dir", tmp_path)
    assert code == 1
    claps.write_text("{}")
    assert f"{claps}:1" in run("clock", "--colocated", claps, "--state-dir", tmp_path)[1]


@pytest.mark.parametrize(
    ("name", "arguments", "code", "says"),
    [
        ("level", ["--level"], 2, "requires an argument"),
        ("level", ["--bogus"], 2, "No such option"),
        ("level", ["--file", "absent.wav"], 2, "does not exist"),
        ("clock", ["--file", "FILE"], 2, "--start"),
        ("clock", ["--file", "FILE", "--start", "noon"], 2, "is no date and time"),
        ("level", ["--file", "FILE", "--second-level", "114"], 2, "--second-file"),
        ("level", ["--file", "FILE", "--device", "card:Mic", "--channel", "3"], 1, "no channel 3"),
        ("level", ["--second-level", "94"], 2, "must differ from --level by 5 dB or more"),
        ("clock", ["--seconds", "20"], 2, "--settle 20 leaves no pulses"),
        ("noise", ["--file", "TEXT", "--device", "card:Mic"], 1, "text.wav"),
        ("position", ["--file", "TEXT"], 1, "no three-dimensional fix"),
        ("noise", ["--file", "FILE", "--state-dir", "TEXT"], 1, "cannot make"),
        ("noise", ["--device", "nonsense"], 2, "nonsense"),
        ("level", ["-c", "absent.yaml"], 78, "absent.yaml"),
    ],
)
def test_misuse_is_told_in_one_clear_sentence(
    name: str, arguments: list[str], code: int, says: str, tmp_path: Path
) -> None:
    write(tmp_path / "file.wav", calibrator_tone(tone_s=1.0))
    (tmp_path / "text.wav").write_text("this is no audio")
    names = {"FILE": str(tmp_path / "file.wav"), "TEXT": str(tmp_path / "text.wav")}
    given = [names.get(argument, argument) for argument in arguments]
    ended, printed = run(name, "--state-dir", str(tmp_path / "state"), *given)
    assert ended == code, printed
    assert says in printed


def broken(folder: Path, module: str, error: str) -> dict[str, str]:
    """An environment in which ``module`` cannot be imported."""
    (folder / f"{module}.py").write_text(f"raise {error}('not here')")
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *([before] if before else [])])}


def test_without_matplotlib_the_figure_still_comes(tmp_path: Path) -> None:
    wav = write(tmp_path / "tone.wav", calibrator_tone())
    arguments = ("--file", wav, "--device", "card:Mic", "--state-dir", tmp_path)
    done = start("level", *arguments, env=broken(tmp_path, "matplotlib", "ImportError"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pip install '.[tools]' in the checkout" in done.stdout
    assert load_level(tmp_path, "card:Mic") is not None


@pytest.mark.parametrize("name", ["level", "noise", "clock"])
def test_a_file_of_an_unknown_device_is_not_even_measured(name: str, tmp_path: Path) -> None:
    wav = write(tmp_path / "tone.wav", calibrator_tone())
    begun = ["--start", "2026-01-01T00:00:00Z"] if name == "clock" else []
    env = broken(tmp_path, "sounddevice", "OSError")
    done = start(name, "--file", wav, *begun, "--state-dir", tmp_path / "state", env=env)
    assert done.returncode == 2
    assert "Say --device" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not list((tmp_path / "state" / "calibration").iterdir())


def guided(mic: VirtualMic, name: str, cue: str, wav: Path, *arguments: object) -> tuple[int, str]:
    """Run a script on the virtual microphone and play ``wav`` into it when it prints ``cue``."""
    with subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "scripts" / f"calibrate_{name}.py"), "--yes", *map(str, arguments)],
        env=mic.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        guard = threading.Timer(PATIENCE_S, process.kill)
        guard.start()
        printed = []
        assert process.stdout is not None
        for line in process.stdout:
            printed.append(line)
            if cue in line:
                mic.play(wav)
        guard.cancel()
        return process.wait(), "".join(printed)


@pytest.mark.device
def test_the_guided_procedures_work_on_a_real_stream(tmp_path: Path) -> None:
    """Each script listens to a virtual microphone of its own, all at once.

    The latency is that of the virtual device; unless this machine's clock is synchronised, it is shown
    but refused.
    """
    tone = calibrator_tone(rate_hz=48_000, quiet_s=0.1, tone_s=6.0, tail_s=0.1, noise_fs=0.0)
    site = street(9.0, 48_000)
    pulses = pulse_per_second(seconds=16.0, start_ns=0, latency_s=0.5)
    plays = {
        "level": ("ON now", write(tmp_path / "tone.wav", tone, 48_000), ("--seconds", 12)),
        "noise": ("Listening", write(tmp_path / "site.wav", site, 48_000), ("--seconds", 6)),
        "clock": ("Listening", write(tmp_path / "pps.wav", pulses, 48_000), ("--seconds", 14, "--settle", 2)),
    }

    def one(name: str) -> tuple[int, str]:
        cue, wav, arguments = plays[name]
        with VirtualMic() as mic:
            return guided(mic, name, cue, wav, *arguments, "--state-dir", tmp_path / name)

    with ThreadPoolExecutor(3) as pool:
        results = dict(zip(plays, pool.map(one, plays), strict=True))
    code, printed = results["level"]
    assert code == 0, printed
    assert "PASS: 0 dBFS = 117.01 dB SPL" in printed
    record = json.loads((tmp_path / "level" / "calibration" / "level.json").read_text())
    assert record["device"] == "name:vmic"
    assert record["rate_hz"] == 48_000
    assert "dBFS, A-weighted" in results["noise"][1], results["noise"][1]
    code, printed = results["clock"]
    assert "stamps are" in printed, printed
    assert (code == 0) == (tmp_path / "clock" / "calibration" / "clock.json").exists()
    assert not any("\r" in printed for _, printed in results.values()), "this is no terminal"

"""A microphone without hardware: a private PulseAudio whose sink's monitor PortAudio records, bit-exact.

    with VirtualMic() as mic:
        process = subprocess.Popen([...], env=mic.env)    # its PortAudio sees one input, "vmic"
        mic.play(wav).wait()

As an output, "vmic" is the loudspeaker in front of the microphone. The sink runs on the system's clock and
delivers zeros while nothing plays. Its server and its files are in a folder of their own, so tests may
run side by side.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.patience import PATIENCE_S

PROGRAMS = ("pulseaudio", "pactl", "paplay", "parec")


def need_virtual_mic() -> None:
    """Skip the test, saying why, where the parts are not installed."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: apt install pulseaudio pulseaudio-utils libasound2-plugins")
    if ctypes.util.find_library("portaudio") is None:
        pytest.skip("needs PortAudio: apt install libportaudio2")


class VirtualMic:
    """One input named ``vmic`` and the means to break it.

    Args:
        rate_hz: of the sink; recording at this rate is bit-exact for 16-bit samples.
        channels: of the sink.
        render_ms: length of the pieces in which the sink produces sound, ms, None = its own choice (50).
            A sample comes out up to this much before its nominal time: use 5 to test timing.
    """

    def __init__(self, *, rate_hz: int = 48_000, channels: int = 1, render_ms: int | None = None) -> None:
        need_virtual_mic()
        self.folder = Path(tempfile.mkdtemp(prefix="vmic-"))
        socket = self.folder / "pulse.sock"
        # Without norewinds the monitor starts up to 2 s late and its times wander.
        self._sink = (f"sink_name=vmic norewinds=1 format=s16le rate={rate_hz} channels={channels}").split()
        self._script = self.folder / "vmic.pa"
        self._script.write_text(
            ".fail\n"
            f"load-module module-native-protocol-unix socket={socket} auth-anonymous=1\n"
            f"load-module module-null-sink {' '.join(self._sink)}\n"
        )
        alsa = self.folder / "asound.conf"
        # Without the include, ALSA's pulse plugin aborts the process.
        pulse = f'type pulse server "unix:{socket}"'
        alsa.write_text(
            "</usr/share/alsa/alsa.conf>\n"
            # Both ends in one definition: PortAudio would list any other as an input of its own.
            "pcm.vmic { type asym hint { show on }\n"
            f'  capture.pcm {{ {pulse} device "vmic.monitor" }}\n'
            f'  playback.pcm {{ {pulse} device "vmic" }} }}\n'
        )
        client = self.folder / "client.conf"
        client.write_text("autospawn = no\nenable-shm = no\n")
        # The ALSA file names the server, so that "vmic" is the only input: with PULSE_SERVER at the real
        # one, ALSA would offer "pulse" and "default" as well.
        self.variables = {
            "ALSA_CONFIG_PATH": str(alsa),
            "PULSE_CLIENTCONFIG": str(client),
            "PULSE_SERVER": f"unix:{self.folder / 'none'}",
        }
        """What a process needs to see this microphone and no other."""
        self.env = {**os.environ, **self.variables}
        """The whole environment of such a process."""
        homes = ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH")
        self._own_env = {
            **self.env,
            **dict.fromkeys(homes, str(self.folder)),
            "PULSE_SERVER": f"unix:{socket}",
        }
        self._render_ms = render_ms
        self._children: list[subprocess.Popen[bytes]] = []
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the server with the microphone plugged in."""
        (self.folder / "pulse.sock").unlink(missing_ok=True)
        self._server = self._spawn(
            *("pulseaudio", "-n", "-F", str(self._script), "--daemonize=no", "--exit-idle-time=-1"),
            *("--disable-shm=yes", "--use-pid-file=no", "--realtime=no", "--high-priority=no"),
            "--log-level=error",
        )
        deadline = time.monotonic() + PATIENCE_S
        while self._pactl("info") != 0:
            if time.monotonic() > deadline or self._server.poll() is not None:
                raise RuntimeError(f"PulseAudio did not come up (exit code {self._server.poll()})")
            time.sleep(0.01)
        if self._render_ms is not None:  # a listener in a hurry makes the sink render in short pieces
            self._spawn("parec", "-d", "vmic.monitor", "--raw", f"--latency-msec={self._render_ms}")

    def play(self, wav: Path) -> subprocess.Popen[bytes]:
        """Play a file into the microphone; ``wait`` on the result for its end."""
        return self._spawn("paplay", "-d", "vmic", str(wav))

    def unplug(self) -> None:
        """Take the microphone away."""
        self._pactl("unload-module", "module-null-sink")

    def replug(self) -> None:
        """Bring it back."""
        if self._pactl("load-module", "module-null-sink", *self._sink) != 0:
            raise RuntimeError("the sink could not be loaded again")

    def kill(self) -> None:
        """Kill the server as a crash would; ``start`` brings it back."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()

    def stop(self) -> None:
        """Freeze the server: its clients hang."""
        if self._server is not None:
            self._server.send_signal(signal.SIGSTOP)

    def cont(self) -> None:
        """Let it go on."""
        if self._server is not None:
            self._server.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End everything that was started and remove its files."""
        for child in reversed(self._children):
            if child.poll() is None:
                child.kill()
            child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            command, env=self._own_env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._children.append(child)
        return child

    def _pactl(self, *arguments: str) -> int:
        return subprocess.run(
            ["pactl", *arguments], env=self._own_env, capture_output=True, check=False, timeout=PATIENCE_S
        ).returncode

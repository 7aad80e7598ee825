"""PortAudio's list of inputs and one open stream; the only file that imports sounddevice.

Every call here may block for as long as a dead driver pleases: make it through ``bounded``.
"""

from __future__ import annotations

import atexit
import sys
import time
from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sensor.capture.adctime import Header
from sensor.capture.alsa import forget_encoders
from sensor.capture.devices import InputDevice, identify
from sensor.capture.ring import Ring
from sensor.capture.settings import CaptureSettings
from sensor.errors import DeviceAbsent, DeviceError

if TYPE_CHECKING:
    from sensor.types import Samples

PREFERRED_RATES_HZ = (48_000, 96_000, 44_100, 192_000, 88_200, 32_000, 24_000, 22_050, 16_000, 11_025, 8_000)
"""In this order after the device's own, where the operator leaves the choice."""
BUFFER_BLOCKS = 3
"""Driver's buffer in blocks, room for two late callbacks; from four on PulseAudio delivers in pairs."""
MOST_SPARE = 8
"""Channels that are opened at most to get at fewer."""
REFUSALS = frozenset({-9997, -9998, -9994})
"""PortAudio's codes for a rate, a number of channels and a sample format that a device does not offer."""
_OPEN: set[Stream] = set()
"""Keeps every open stream: one left behind in a hung call must not be collected while its callback lives."""


def _library(*, anew: bool = False) -> ModuleType:
    """Import sounddevice and with it PortAudio; ``anew``: let it list its devices again (ends all streams).

    Raises:
        DeviceError: It is not installed or does not start.
    """
    if "sounddevice" not in sys.modules:  # its import starts PortAudio
        forget_encoders()
    try:
        import sounddevice  # noqa: PLC0415  loads PortAudio, which only capture needs
    except OSError as error:
        raise DeviceError(
            f"PortAudio cannot be loaded ({error}); install it: apt install libportaudio2"
        ) from error
    except ImportError as error:
        raise DeviceError(
            f"sounddevice cannot be imported ({error}); install it: pip install sounddevice"
        ) from error
    except Exception as error:
        if type(error).__name__ != "PortAudioError":  # where the import fails there is no class to name
            raise
        raise _not_started(error) from error
    if anew:
        try:
            if sounddevice._initialized:  # noqa: SLF001  PortAudio lists devices only when it starts
                sounddevice._terminate()  # noqa: SLF001  same
            forget_encoders()
            sounddevice._initialize()  # noqa: SLF001  same
        except sounddevice.PortAudioError as error:
            raise _not_started(error) from error
    return sounddevice


def _not_started(error: Exception) -> DeviceError:
    return DeviceError(
        f"PortAudio does not start: {error}; is ALSA's configuration in order "
        "(/etc/asound.conf, ~/.asoundrc)? arecord -L says what it cannot read"
    )


def list_inputs() -> tuple[InputDevice, ...]:
    """Every input that PortAudio lists now. Ends all streams of this process.

    Raises:
        DeviceError: PortAudio is not installed or does not start.
    """
    library = _library(anew=True)
    apis = library.query_hostapis()
    default = apis[0]["default_input_device"] if apis else None
    inputs = []
    for index, info in enumerate(library.query_devices()):
        if info["max_input_channels"] < 1:
            continue
        pcm, identity = identify(info["name"])
        inputs.append(
            InputDevice(
                index=index,
                name=info["name"],
                host_api=apis[info["hostapi"]]["name"],
                channels=info["max_input_channels"],
                rate_hz=info["default_samplerate"],
                default=index == default,
                pcm=pcm,
                identity=identity,
            )
        )
    return tuple(inputs)


def block_frames(block_s: float, rate_hz: float, *, usb: bool) -> int:
    """Samples of a block; on USB never a whole number of milliseconds.

    A USB host counts in frames of 1 ms. Blocks of whole frames meet one phase of them only, and their stamps
    may all be late by the same unseen part of a millisecond; one sample less sweeps the frame.
    """
    frames = max(1, round(block_s * rate_hz))
    return frames - 1 if usb and frames > 1 and frames * 1000 % round(rate_hz) == 0 else frames


class Stream:
    """One open PortAudio stream and what its callback leaves behind."""

    def __init__(self, device: InputDevice, settings: CaptureSettings, rate_hz: int | None) -> None:
        """Open and start; blocks as long as the driver pleases.

        Raises:
            DeviceAbsent: It is gone or busy.
            DeviceError: It does not offer the format.
        """
        library = _library()
        self.device = device
        self.channels = settings.channels

        def offers(channels: int, rate_hz: float) -> bool:
            """Whether the driver takes so many channels at this rate; its other complaints are raised."""
            try:
                library.check_input_settings(device.index, channels, "float32", None, rate_hz)
            except library.PortAudioError as error:
                if len(error.args) > 1 and error.args[1] in REFUSALS:
                    return False
                raise
            return True

        try:
            opened, rate = pick_format(offers, device, settings.channels, rate_hz or settings.rate_hz)
            frames = block_frames(settings.block_s, rate, usb=device.identity.usb is not None)
            capacity = max(round(settings.ring_s * rate), 4 * frames)
            self.ring = Ring(self.channels, capacity)
            self.headers: deque[Header] = deque(maxlen=capacity // frames + 1)
            self.error: BaseException | None = None
            self.finished = False
            self._stream = library.InputStream(
                device=device.index,
                channels=opened,
                samplerate=rate,
                dtype="float32",
                blocksize=frames,
                latency=BUFFER_BLOCKS * settings.block_s,
                callback=self._callback,
                finished_callback=self._finish,
            )
            self.rate_hz = float(self._stream.samplerate)
            self.last_ns = time.monotonic_ns()
            _OPEN.add(self)
            self._start()
        except library.PortAudioError as error:
            raise DeviceAbsent(f"{device} cannot be opened: {error}; is it plugged in, and free?") from error

    def _start(self) -> None:
        try:
            self._stream.start()
        except BaseException:
            self.close()
            raise

    def _callback(self, samples: Samples, frames: int, times: Any, status: Any) -> None:  # noqa: ANN401  cffi
        """Copy and leave; in PortAudio's thread, where an exception would go unnoticed."""
        try:
            self.last_ns = time.monotonic_ns()
            self.headers.append(
                Header(
                    first=self.ring.end,
                    frames=frames,
                    adc_s=times.inputBufferAdcTime,
                    current_s=times.currentTime,
                    mono_ns=self.last_ns,
                    real_ns=time.time_ns(),
                    overflow=bool(status) and status.input_overflow,
                )
            )
            self.ring.write(samples[:, : self.channels])
        except Exception as error:  # noqa: BLE001  looked at by the reader
            self.error = error

    def _finish(self) -> None:
        self.finished = True

    @property
    def age_s(self) -> float:
        """Seconds since the last callback, or since the start."""
        return (time.monotonic_ns() - self.last_ns) * 1e-9

    def close(self) -> None:
        """Free the device; never by ``stop``, which waits for a driver that may be dead."""
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)
        _OPEN.discard(self)


def pick_format(
    offers: Callable[[int, float], bool], device: InputDevice, channels: int, rate_hz: int | None
) -> tuple[int, float]:
    """Return how many channels to open the device with, and at which rate.

    More channels than wanted where it has no fewer: many I2S microphones are stereo only.

    Args:
        offers: whether the device takes a number of channels at a rate, Hz.
        device: the device.
        channels: wanted, from the first on.
        rate_hz: wanted, Hz; None leaves the choice, 48 kHz first, then the device's own.

    Raises:
        DeviceError: It does not offer the wanted format; the message says what it does.
    """
    counts = range(channels, min(device.channels, max(channels, MOST_SPARE)) + 1)
    for rate in (rate_hz,) if rate_hz else (48_000, device.rate_hz, *PREFERRED_RATES_HZ):
        for count in counts:
            if offers(count, rate):
                return count, rate
    offered = [rate for rate in sorted(PREFERRED_RATES_HZ) if any(offers(count, rate) for count in counts)]
    if offered:
        rates = ", ".join(map(str, offered))
        raise DeviceError(f"{device} does not offer {rate_hz} Hz; set audio.rate_hz to one of {rates}")
    raise DeviceError(
        f"{device} does not offer {channels} channels at any usual rate; it has {device.channels} at most, "
        "set audio.channels accordingly"
    )


def leave_behind() -> None:
    """A call hangs inside PortAudio: keep the end of the process from waiting for it as well."""
    # Not imported here: if it is its import that hangs, another one would wait for that.
    handler = getattr(sys.modules.get("sounddevice"), "_exit_handler", None)
    if handler is not None:
        atexit.unregister(handler)  # it would call Pa_Terminate, which waits too

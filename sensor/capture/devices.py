"""Which microphone: its identity that survives reboots and replugging, and the operator's choice.

PortAudio's device numbers and ALSA's card numbers change with the order in which devices appear; the
card's id, the USB ids and the USB socket do not. They are read from ``/proc/asound`` and sysfs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sensor.capture.settings import SELECTION
from sensor.errors import DeviceAbsent, DeviceError

PROC_ASOUND = Path("/proc/asound")
SYS_SOUND = Path("/sys/class/sound")
_HARDWARE = re.compile(r"\(hw:(\d+),(\d+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardIdentity:
    """What does not change when a sound card is plugged in again."""

    card: str | None = None
    """ALSA card id, such as ``Device`` or ``sndrpihifiberry``."""
    usb: str | None = None
    """USB vendor and product, ``0d8c:0014``."""
    serial: str | None = None
    """USB serial number, if the device has one."""
    port: str | None = None
    """USB socket, ``1-1.3`` (bus, then hub ports)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDevice:
    """A device that PortAudio can record from, as listed now."""

    index: int
    """PortAudio's number; good until it lists its devices again."""
    name: str
    """PortAudio's name of it."""
    host_api: str
    """``ALSA``, ``JACK Audio Connection Kit``, ..."""
    channels: int
    """Most input channels it offers."""
    rate_hz: float
    """Its default sampling rate."""
    default: bool = False
    """PortAudio's default input."""
    pcm: int | None = None
    """ALSA's device number on the card; None unless it is hardware."""
    identity: CardIdentity = CardIdentity()

    @property
    def selection(self) -> str:
        """The most stable way to name it in the configuration."""
        known = self.identity
        if known.usb and known.serial:
            return f"usb:{known.usb}:{known.serial}"
        if known.usb:
            return f"usb:{known.usb}"
        if known.card:
            return f"card:{known.card}"
        return f"name:{self.name}"

    def __str__(self) -> str:
        """One line for an operator: the selection, the name and where it is."""
        port = f" at port:{self.identity.port}" if self.identity.port else ""
        card = f" card:{self.identity.card}" if self.identity.card else ""
        name = "" if self.selection == f"name:{self.name}" else f" ({self.name}{card}{port})"
        return f"{self.selection}{name}"


def list_devices() -> tuple[InputDevice, ...]:
    """Every input that PortAudio lists now; lists anew, so no stream may be open in this process.

    Raises:
        DeviceError: PortAudio is not installed or does not start.
    """
    from sensor.capture import stream  # noqa: PLC0415  this module stays free of PortAudio

    return stream.list_inputs()


def identify(
    name: str, *, proc: Path = PROC_ASOUND, sys: Path = SYS_SOUND
) -> tuple[int | None, CardIdentity]:
    """ALSA's device number and the identity behind a PortAudio name; (None, unknown) if not hardware."""
    hardware = _HARDWARE.search(name)
    if hardware is None:
        return None, CardIdentity()
    number, pcm = int(hardware[1]), int(hardware[2])
    card = _read(proc / f"card{number}" / "id")
    try:
        node = (sys / f"card{number}" / "device").resolve()
    except OSError:
        return pcm, CardIdentity(card=card)
    for folder in (node, *node.parents):
        vendor, product = _read(folder / "idVendor"), _read(folder / "idProduct")
        if vendor and product:
            return pcm, CardIdentity(
                card=card,
                usb=f"{vendor}:{product}".lower(),
                serial=_read(folder / "serial"),
                port=folder.name,
            )
    return pcm, CardIdentity(card=card)


def choose(selection: str, devices: Sequence[InputDevice]) -> InputDevice:
    """Return the device that ``selection`` means.

    ``auto`` means the only device there is, or the only one that is hardware. Several inputs of the same
    card count as one device, represented by the first.

    Raises:
        DeviceAbsent: None matches (now); the message lists those there are.
        DeviceError: More than one matches, or the selection is none.
    """
    if not SELECTION.fullmatch(selection):
        raise DeviceError(f"{selection!r} selects no device; {_offer(devices)}")
    matches = _first_pcms(_matching(selection, devices))
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise DeviceAbsent(f"no input device matches {selection}; {_offer(devices)}")
    raise DeviceError(f"{selection} could mean {len(matches)} devices; name one of them: {_lines(matches)}")


def _matching(selection: str, devices: Sequence[InputDevice]) -> list[InputDevice]:
    if selection == "auto":
        hardware = [device for device in devices if device.pcm is not None]
        return hardware or list(devices)
    kind, _, value = selection.partition(":")
    if kind == "name":
        exact = [device for device in devices if device.name == value]
        return exact or [device for device in devices if value.lower() in device.name.lower()]
    if kind == "card":
        card, _, pcm = value.partition(",")
        on_card = [device for device in devices if device.identity.card == card]
        return [device for device in on_card if not pcm or device.pcm == int(pcm)]
    if kind == "port":
        return [device for device in devices if device.identity.port == value]
    vendor, product, *serial = value.split(":", 2)
    usb = f"{vendor}:{product}".lower()
    same = [device for device in devices if device.identity.usb == usb]
    return [device for device in same if not serial or device.identity.serial == serial[0]]


def _first_pcms(devices: Sequence[InputDevice]) -> list[InputDevice]:
    """One device per card: the one with the lowest ALSA number; everything that is not hardware."""
    first: dict[object, InputDevice] = {}
    for device in sorted(devices, key=lambda each: -1 if each.pcm is None else each.pcm):
        hardware = _HARDWARE.search(device.name)
        first.setdefault(("card", hardware[1]) if hardware else device.index, device)
    return list(first.values())


def _offer(devices: Sequence[InputDevice]) -> str:
    return f"there are: {_lines(devices)}" if devices else "there is no input device at all"


def _lines(devices: Sequence[InputDevice]) -> str:
    return "; ".join(str(device) for device in devices)


def _read(path: Path) -> str | None:
    """The text of a one-line file of the kernel's; None if it is not there or empty."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.capture.devices import CardIdentity, InputDevice, choose, identify
from sensor.errors import DeviceAbsent, DeviceError


def device(index: int, name: str, *, pcm: int | None = None, **identity: str) -> InputDevice:
    return InputDevice(
        index=index,
        name=name,
        host_api="ALSA",
        channels=2,
        rate_hz=48_000.0,
        pcm=pcm,
        identity=CardIdentity(**identity),
    )


HAT = device(0, "snd_rpi_hat: HiFi (hw:0,0)", pcm=0, card="sndrpihat")
USB_A = device(1, "USB Mic: Audio (hw:1,0)", pcm=0, card="Mic", usb="0d8c:0014", serial="A1", port="1-1.2")
USB_B = device(2, "USB Mic: Audio (hw:2,0)", pcm=0, card="Mic_1", usb="0d8c:0014", serial="B2", port="1-1.3")
USB_B_SECOND = device(
    3, "USB Mic: Extra (hw:2,1)", pcm=1, card="Mic_1", usb="0d8c:0014", serial="B2", port="1-1.3"
)
PULSE = device(4, "pulse")
DEFAULT = device(5, "default")
ALL = (HAT, USB_A, USB_B, USB_B_SECOND, PULSE, DEFAULT)


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        ("card:sndrpihat", HAT),
        ("card:Mic_1", USB_B),
        ("card:Mic_1,1", USB_B_SECOND),
        ("usb:0D8C:0014:A1", USB_A),
        ("usb:0d8c:0014:B2", USB_B),
        ("port:1-1.3", USB_B),
        ("name:pulse", PULSE),
        ("name:hifi", HAT),
        ("name:USB Mic: Audio (hw:1,0)", USB_A),
    ],
)
def test_a_selection_finds_its_device_wherever_it_is_listed(selection: str, chosen: InputDevice) -> None:
    assert choose(selection, ALL) is chosen
    assert choose(selection, ALL[::-1]) is chosen


@pytest.mark.parametrize("selection", ["usb:0d8c:0014", "name:USB Mic", "auto"])
def test_what_could_mean_two_microphones_is_refused_with_a_way_to_name_each(selection: str) -> None:
    with pytest.raises(DeviceError, match="could mean") as caught:
        choose(selection, ALL)
    assert not isinstance(caught.value, DeviceAbsent)
    assert "usb:0d8c:0014:A1" in str(caught.value)
    assert "usb:0d8c:0014:B2" in str(caught.value)


@pytest.mark.parametrize(
    "selection", ["usb:0d8c:0014:C3", "usb:1111:2222", "card:Mic_2", "port:1-1.4", "name:x"]
)
def test_another_microphone_is_never_taken_in_place_of_an_absent_one(selection: str) -> None:
    with pytest.raises(DeviceAbsent, match="no input device matches") as caught:
        choose(selection, (HAT, USB_A))
    assert "card:sndrpihat" in str(caught.value)
    with pytest.raises(DeviceAbsent, match="no input device at all"):
        choose(selection, ())


def test_auto_takes_the_only_microphone_and_no_alias_of_it() -> None:
    assert choose("auto", (PULSE, USB_A, DEFAULT)) is USB_A
    assert choose("auto", (USB_B_SECOND, USB_B)) is USB_B
    assert choose("auto", (PULSE,)) is PULSE
    with pytest.raises(DeviceError, match="could mean 2"):
        choose("auto", (PULSE, DEFAULT))
    with pytest.raises(DeviceAbsent):
        choose("auto", ())


def test_rubbish_is_no_selection() -> None:
    with pytest.raises(DeviceError, match="selects no device"):
        choose("usb:0d8c", ALL)


def test_every_device_offers_a_selection_that_finds_it() -> None:
    for each in (HAT, USB_A, USB_B, PULSE, DEFAULT):
        assert choose(each.selection, ALL) is each
        assert each.selection in str(each)


def kernel_tree(root: Path) -> tuple[Path, Path]:
    """/proc/asound and /sys/class/sound as Linux lays them out: card 0 is I2S, card 1 USB."""
    proc, sys = root / "proc", root / "class"
    usb = root / "devices/pci0/usb1/1-1/1-1.3"
    for folder, files in {
        proc / "card0": {"id": "sndrpihat\n"},
        proc / "card1": {"id": "Mic\n"},
        usb: {"idVendor": "0d8c\n", "idProduct": "0014\n", "serial": "A1\n"},
        usb / "1-1.3:1.0": {},
        usb.parent: {"idVendor": "05e3\n", "idProduct": "0610\n"},
        root / "devices/platform/hat": {},
    }.items():
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content)
    for card, target in (("card0", root / "devices/platform/hat"), ("card1", usb / "1-1.3:1.0")):
        (sys / card).mkdir(parents=True)
        (sys / card / "device").symlink_to(target)
    return proc, sys


def test_the_kernel_tells_card_id_usb_ids_and_socket(tmp_path: Path) -> None:
    proc, sys = kernel_tree(tmp_path)
    assert identify("USB Mic: Audio (hw:1,2)", proc=proc, sys=sys) == (
        2,
        CardIdentity(card="Mic", usb="0d8c:0014", serial="A1", port="1-1.3"),
    )
    assert identify("hat: HiFi (hw:0,0)", proc=proc, sys=sys) == (0, CardIdentity(card="sndrpihat"))


def test_what_the_kernel_does_not_tell_stays_unknown(tmp_path: Path) -> None:
    proc, sys = kernel_tree(tmp_path)
    assert identify("gone (hw:7,0)", proc=proc, sys=sys) == (0, CardIdentity())
    assert identify("pulse", proc=proc, sys=sys) == (None, CardIdentity())

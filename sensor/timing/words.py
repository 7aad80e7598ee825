"""What a clock's state means, in words a technician can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.physics import speed_of_sound_m_s
from sensor.types import ClockSource

if TYPE_CHECKING:
    from sensor.types import ClockReport

_SOUND_M_S = speed_of_sound_m_s(15.0)
GOOD_FOR = (
    (0.0005, "good for location and for comparing single echoes"),
    (0.010, "good for location, not for comparing single echoes"),
    (0.025, "good enough for location among many nodes, one of few will blur it"),
    (0.1, "good for counting shots and for rough location only"),
    (60.0, "good for matching with reports, not for location"),
)
"""Sigma (s) up to which a clock serves a purpose. Simulated arrays keep the 25 m of a usual contract up to
20 ms and lose it at 50 ms; between 1 and 10 ms the position hardly changes."""
_SOURCES = {
    ClockSource.PPS: "GPS pulse",
    ClockSource.GPS: "GPS without pulse",
    ClockSource.NTP: "NTP",
    ClockSource.HOLDOVER: "holdover, the time source is lost",
    ClockSource.FILE: "the recording's stated start",
    ClockSource.NONE: "no time source",
}


def span(sigma_ns: float) -> str:
    """A sigma with two digits and a unit that suits it: ``7 ms``, ``0.35 ms``, ``12 us``, ``7 days``."""
    seconds = abs(sigma_ns) / 1e9
    for unit_s, unit in ((86_400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")):
        if seconds >= 0.995 * unit_s:
            return f"{seconds / unit_s:.2g} {unit}"
    if seconds >= 0.1e-3:
        return f"{seconds * 1e3:.2g} ms"
    return f"{seconds * 1e6:.2g} µs" if seconds >= 1e-7 else f"{seconds * 1e9:.2g} ns"


def purpose(sigma_ns: float) -> str:
    """What a clock with this sigma is good for."""
    for limit_s, words in GOOD_FOR:
        if sigma_ns <= limit_s * 1e9:
            return words
    return "good for nothing but the order of this node's own sounds"


def sentence(report: ClockReport) -> str:
    """One line for ``status`` and ``check``: source, sigma, what it is good for, and what is amiss.

    For example ``NTP (chrony 192.0.2.1), ± 7 ms: good for location, not for comparing single echoes``.
    """
    parts = [_SOURCES[report.source]]
    if report.via:
        parts[0] += f" ({report.via})"
    if report.source is not ClockSource.NONE:
        metres = report.utc_sigma_ns / 1e9 * _SOUND_M_S
        distance = f" or {metres:.2g} m of sound" if 0.01 <= metres <= 1000.0 else ""
        parts.append(f"± {span(report.utc_sigma_ns)}{distance}")
    text = f"{', '.join(parts)}: {purpose(report.utc_sigma_ns)}"
    if report.state == "acquiring":
        text += "; the sample clock is still settling"
    if report.ppm is not None and abs(report.ppm) > 200.0:
        text += f"; the sound card runs {report.ppm:+.0f} ppm off, more than a sound one does"
    return "; ".join((text, *report.problems))


def remedy(report: ClockReport) -> str | None:
    """What to do about it; None when nothing needs doing."""
    if report.problems:
        return "see to: " + "; ".join(report.problems)
    if report.source is ClockSource.NONE:
        return "install chrony and let it reach a time server, or connect a GPS receiver with a pulse"
    if report.source is ClockSource.HOLDOVER:
        return "find out why the time source is gone: network, aerial, or systemctl status chrony gpsd"
    if report.source is ClockSource.GPS:
        return "connect the receiver's pulse (PPS): its sentences alone come 10 to 700 ms late"
    if report.utc_sigma_ns > 10e6:
        return "use a nearer time server, or a GPS receiver with a pulse"
    return None

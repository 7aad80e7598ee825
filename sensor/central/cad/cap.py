"""An incident as a Common Alerting Protocol 1.2 message (OASIS CAP-v1.2): Alert, Update or Cancel.

The mapping is docs/cad.md's. Times are written with ``-00:00`` for UTC, as the standard demands (section
3.3.2), and have whole seconds; the exact time is a parameter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Literal
from xml.etree import ElementTree as ET

from sensor.central.cad.settings import CapSettings
from sensor.central.cad.shape import circle_radius_m, ellipse_rings
from sensor.central.cad.words import description, headline, utc_iso
from sensor.central.types import IncidentVersion

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
_SECOND_NS = 1_000_000_000
_GUNFIRE = frozenset({"gunshot", "probable_gunshot"})
_STALE_S = 600
"""A discharge longer ago than this is told as past."""

Certainty = Literal["Observed", "Likely", "Possible", "Unlikely"]


def alert(
    version: IncidentVersion,
    *,
    former: Sequence[IncidentVersion] = (),
    settings: CapSettings,
    incident_url: str = "",
) -> bytes:
    """XML of one version for a receiver that was told the versions ``former`` before.

    Without former ones it is an Alert; with them an Update, or a Cancel where the incident is retracted.
    """
    root = ET.Element("alert", {"xmlns": NAMESPACE})
    _add(root, "identifier", identifier(version))
    _add(root, "sender", settings.sender)
    _add(root, "sent", _time(_sent_ns(version)))
    _add(root, "status", "Exercise" if version.exercise else "Actual")
    _add(root, "msgType", _message_type(version, former))
    _add(root, "source", "acoustic sensors")
    _add(root, "scope", "Restricted")
    _add(root, "restriction", settings.restriction)
    if version.exercise:
        _add(root, "note", "Exercise: not to be acted on.")
    elif version.state == "retracted":
        _add(root, "note", f"Retracted by {version.author}: {version.reason}")
    if former:
        _add(root, "references", " ".join(_reference(item, settings) for item in former))
    _add(root, "incidents", version.incident_id)
    root.append(_info(version, settings, incident_url))
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def identifier(version: IncidentVersion) -> str:
    """What names this message in the world together with its sender; the same for the same version."""
    return f"{version.incident_id}.{version.version}"


def certainty(version: IncidentVersion) -> Certainty:
    """How sure, by rule: Observed asks for p of 0.9, five nodes and a place; Likely for better than even.

    What was retracted is Unlikely, whatever the sensors had made of it.
    """
    if version.state == "retracted":
        return "Unlikely"
    if version.p_gunshot >= 0.9 and len(version.nodes) >= 5 and version.place is not None:
        return "Observed"
    if version.p_gunshot > 0.5:
        return "Likely"
    return "Possible" if version.p_gunshot >= 0.1 else "Unlikely"


def _message_type(version: IncidentVersion, former: Sequence[IncidentVersion]) -> str:
    if not former:
        return "Alert"
    return "Cancel" if version.state == "retracted" else "Update"


def _sent_ns(version: IncidentVersion) -> int:
    """The version's own time, so that a later message can refer to this one without any memory of it."""
    return version.created_ns or version.utc_ns


def _reference(version: IncidentVersion, settings: CapSettings) -> str:
    return f"{settings.sender},{identifier(version)},{_time(_sent_ns(version))}"


def _time(utc_ns: int) -> str:
    return utc_iso(utc_ns, digits=0, zone="-00:00")


def _info(version: IncidentVersion, settings: CapSettings, incident_url: str) -> ET.Element:
    gunfire = version.incident_class in _GUNFIRE
    info = ET.Element("info")
    _add(info, "language", "en-US")
    _add(info, "category", "Safety")
    _add(info, "category", "Security")
    _add(info, "event", "Gunfire detected" if gunfire else "Impulsive sound detected")
    if version.state == "retracted":
        _add(info, "responseType", "None")
    else:
        _add(info, "responseType", "Assess")
        _add(info, "responseType", "Monitor")
    stale = _sent_ns(version) - version.utc_ns > _STALE_S * _SECOND_NS
    _add(info, "urgency", "Past" if stale or version.state == "retracted" else "Immediate")
    _add(info, "severity", "Severe" if gunfire and version.state != "retracted" else "Unknown")
    _add(info, "certainty", certainty(version))
    _pair(info, "eventCode", "class", version.incident_class)
    _add(info, "effective", _time(version.utc_ns))
    _add(info, "onset", _time(version.utc_ns))
    _add(info, "expires", _time(max(version.utc_ns, _sent_ns(version)) + settings.expires_s * _SECOND_NS))
    if settings.sender_name:
        _add(info, "senderName", settings.sender_name)
    _add(info, "headline", headline(version))
    _add(info, "description", description(version))
    if incident_url:
        _add(info, "web", incident_url)
    if settings.contact:
        _add(info, "contact", settings.contact)
    for name, value in _parameters(version):
        _pair(info, "parameter", name, value)
    info.append(_area(version))
    return info


def _parameters(version: IncidentVersion) -> Iterable[tuple[str, str]]:
    yield "incident_id", version.incident_id
    yield "version", str(version.version)
    yield "state", version.state
    yield "utc_ns", str(version.utc_ns)
    yield "rounds_lo", str(version.rounds_lo)
    yield "rounds_hi", str(version.rounds_hi)
    yield "p_gunshot", f"{version.p_gunshot:.4f}"
    yield "confidence", version.confidence
    yield "nodes", str(len(version.nodes))
    if version.ellipse_95 is not None:
        yield "semi_major_m", f"{version.ellipse_95.semi_major_m:.1f}"
        yield "semi_minor_m", f"{version.ellipse_95.semi_minor_m:.1f}"
        yield "azimuth_deg", f"{version.ellipse_95.azimuth_deg:.1f}"
    for tag in version.tags:
        yield "tag", tag.name
    if version.hash is not None:
        yield "record_hash", version.hash


def _area(version: IncidentVersion) -> ET.Element:
    area = ET.Element("area")
    if version.place is None or version.ellipse_95 is None:
        _add(area, "areaDesc", f"Site {version.site}: heard, not located")
        return area
    place, ellipse = version.place, version.ellipse_95
    radius_m = circle_radius_m(ellipse)
    _add(area, "areaDesc", f"Site {version.site}: 95 % area, {math.ceil(radius_m)} m at most")
    for ring in ellipse_rings(place, ellipse):
        _add(area, "polygon", " ".join(f"{lat:.7f},{lon:.7f}" for lon, lat in ring))
    _add(area, "circle", f"{place.lat_deg:.7f},{place.lon_deg:.7f} {radius_m / 1000.0:.4f}")
    return area


def _pair(parent: ET.Element, name: str, key: str, value: str) -> None:
    pair = ET.SubElement(parent, name)
    _add(pair, "valueName", key)
    _add(pair, "value", value)


def _add(parent: ET.Element, name: str, text: str) -> None:
    """Add a child; characters that XML 1.0 cannot carry (section 2.2) become a question mark."""
    ET.SubElement(parent, name).text = _NOT_XML.sub("?", text)

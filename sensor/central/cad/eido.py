"""An incident as an Emergency Incident Data Object (NENA-STA-021.1, EIDO 1.0): JSON that CAD systems share.

Identifiers are made from the incident's own, so an update carries the same ``$id`` as what it updates, with
a later time stamp, and needs no memory of what was sent. The place is a PIDF-LO (RFC 4119) whose ellipse
(RFC 5491 section 5.2.4) is the 95 % ellipse itself, with its confidence stated (RFC 7459).
"""

from __future__ import annotations

import html
import uuid
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from sensor.central.cad.settings import EidoSettings
from sensor.central.cad.words import CLASS_WORDS, description, headline, utc_iso, utc_words
from sensor.central.types import Ellipse, IncidentVersion, Place

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://gunshot-sensor.example/eido/v1")
PIDF = "urn:ietf:params:xml:ns:pidf"
GEOPRIV = "urn:ietf:params:xml:ns:pidf:geopriv10"
DATA_MODEL = "urn:ietf:params:xml:ns:pidf:data-model"
CONFIDENCE = "urn:ietf:params:xml:ns:geopriv:conf"
GML = "http://www.opengis.net/gml"
SHAPES = "http://www.opengis.net/pidflo/1.0"
_PREFIXES = {"gp": GEOPRIV, "dm": DATA_MODEL, "con": CONFIDENCE, "gml": GML, "gs": SHAPES}

Component = dict[str, Any]


def eido(
    version: IncidentVersion,
    *,
    former: Sequence[IncidentVersion] = (),
    settings: EidoSettings,
    incident_url: str = "",
) -> Component:
    """The object for one version, for a receiver that was told the versions ``former`` before.

    ``incident_url`` is where the signed record of this version can be fetched; empty = nowhere.
    """
    prologue = _Prologue(version, settings)
    notes = [
        prologue.component(f"note/{name}", {"notesActionComments": html.escape(text, quote=False)})
        for name, text in _notes(version, former)
    ]
    references = [{"$ref": note["$id"]} for note in notes]
    alarm: Component = {"notesReference": references}
    if incident_url:
        alarm["alarmUrl"] = incident_url
    body: Component = {
        **prologue.head(incident_urn(version.incident_id, settings.domain)),
        "eidoVersion": "1.0",
        "issuingElementIdentification": settings.domain,
        "incidentComponent": prologue.component(
            "incident", _incident(version, settings, prologue, references)
        ),
        "alarmsSensorsComponent": [prologue.component("alarm", alarm)],
        "notesComponent": notes,
        "agencyComponent": [prologue.agency()],
        "agentComponent": [prologue.agent()],
    }
    if version.place is not None and version.ellipse_95 is not None:
        body["locationComponent"] = [_location(version.place, version.ellipse_95, version, prologue)]
    if version.related_to:
        body["linkComponent"] = [_link(other, prologue) for other in version.related_to]
    return body


def incident_urn(incident_id: str, domain: str) -> str:
    """The incident's name in EIDO: ``urn:emergency:uid:incidentid:ID:DOMAIN``."""
    return f"urn:emergency:uid:incidentid:{incident_id}:{domain}"


def incident_id_of(urn: str) -> str:
    """Our incident's id out of its EIDO name, or out of itself."""
    prefix = "urn:emergency:uid:incidentid:"
    return urn[len(prefix) :].rpartition(":")[0] if urn.startswith(prefix) else urn


class _Prologue:
    """What every component begins with: its own id, when and by whom it was changed last."""

    def __init__(self, version: IncidentVersion, settings: EidoSettings) -> None:
        self._incident_id = version.incident_id
        self.settings = settings
        self._updated = utc_iso(version.created_ns or version.utc_ns, zone="+00:00")
        self._agent_id = f"gunshot-central@{settings.agency_id}"

    def id_of(self, name: str) -> str:
        """The id of one component, the same in every version."""
        return f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{self.settings.domain}/{self._incident_id}/{name}')}"

    def head(self, identifier: str) -> Component:
        """What every component begins with: its id, when it changed, and by whom."""
        return {
            "$id": identifier,
            "lastUpdateTimeStamp": self._updated,
            "updatedByAgencyReference": {"$ref": self.settings.agency_id},
            "updatedByAgentReference": {"$ref": self._agent_id},
        }

    def component(self, name: str, fields: Component) -> Component:
        """A component of this incident: head and ``fields``."""
        return {**self.head(self.id_of(name)), **fields}

    def agency(self) -> Component:
        """The agency that the others refer to as their author."""
        return {
            **self.head(self.settings.agency_id),
            "agencyRoleDescriptionRegistryText": [self.settings.agency_role],
            "agencyType": [self.settings.agency_type],
        }

    def agent(self) -> Component:
        """The system that writes for it."""
        return {
            **self.head(self._agent_id),
            "agentRoleRegistryText": [self.settings.agent_role],
            "agencyReference": {"$ref": self.settings.agency_id},
        }


def _notes(version: IncidentVersion, former: Sequence[IncidentVersion]) -> list[tuple[str, str]]:
    notes: list[tuple[str, str]] = []
    if version.exercise:
        notes.append(("exercise", "EXERCISE EXERCISE EXERCISE: not to be acted on."))
    notes.append(("summary", description(version)))
    if former:
        before = former[-1]
        made = utc_words(before.created_ns or before.utc_ns)
        verb = "Cancels" if version.state == "retracted" else "Replaces"
        notes.append(("former", f"{verb} version {before.version} of {made}: {headline(before)}."))
    return notes


def _incident(
    version: IncidentVersion, settings: EidoSettings, prologue: _Prologue, notes: list[Component]
) -> Component:
    retracted = version.state == "retracted"
    words = CLASS_WORDS[version.incident_class]
    body: Component = {
        "incidentTypeCommonRegistryText": settings.incident_types.get(version.incident_class, "NOISE"),
        "incidentTypeInternalText": f"EXERCISE: {words}" if version.exercise else words,
        "incidentStatusCommonRegistryText": [
            settings.status_cancelled if retracted else settings.status_active
        ],
        "incidentStatusInternalText": [f"{version.state}, version {version.version}"],
        "internalIncidentId": version.incident_id,
        "incidentCommonPriorityNumber": _priority(version),
        "agentReference": [{"$ref": prologue.agent()["$id"]}],
        "notesReference": notes,
    }
    if version.place is not None and version.ellipse_95 is not None:
        body["locationReference"] = [{"$ref": prologue.id_of("location")}]
    return body


def _priority(version: IncidentVersion) -> int:
    """1 for gunfire with a place, 2 for gunfire or its likelihood without, 3 for anything else."""
    if version.state == "retracted" or version.incident_class not in {"gunshot", "probable_gunshot"}:
        return 3
    return 1 if version.incident_class == "gunshot" and version.place is not None else 2


def _location(place: Place, ellipse: Ellipse, version: IncidentVersion, prologue: _Prologue) -> Component:
    return prologue.component(
        "location",
        {
            "locationTypeDescriptionRegistryText": prologue.settings.location_type,
            "locationByValue": pidf_lo(place, ellipse, entity=version.incident_id),
            "locationDescriptionText": "Where the sound came from: 95 % ellipse from arrival times.",
            "notesReference": [{"$ref": prologue.id_of("note/summary")}],
        },
    )


def _link(incident_id: str, prologue: _Prologue) -> Component:
    return prologue.component(
        f"link/{incident_id}",
        {
            "incidentTrackingIdentifier": incident_urn(incident_id, prologue.settings.domain),
            "linkDirectionCode": "RELATED",
            "transactionReasonText": "Gunfire of the same moment from another place.",
        },
    )


def pidf_lo(place: Place, ellipse: Ellipse, *, entity: str) -> str:
    """A PIDF-LO whose only location is the 95 % ellipse; its axis is turned from north towards east."""
    for prefix, name in _PREFIXES.items():
        ET.register_namespace(prefix, name)
    root = ET.Element("presence", {"xmlns": PIDF, "entity": f"pres:{entity}@gunshot.invalid"})
    device = ET.SubElement(root, f"{{{DATA_MODEL}}}device", {"id": "acoustic-fix"})
    geopriv = ET.SubElement(device, f"{{{GEOPRIV}}}geopriv")
    info = ET.SubElement(geopriv, f"{{{GEOPRIV}}}location-info")
    shape = ET.SubElement(info, f"{{{SHAPES}}}Ellipse", {"srsName": "urn:ogc:def:crs:EPSG::4326"})
    ET.SubElement(shape, f"{{{GML}}}pos").text = f"{place.lat_deg:.8f} {place.lon_deg:.8f}"
    metres, degrees = {"uom": "urn:ogc:def:uom:EPSG::9001"}, {"uom": "urn:ogc:def:uom:EPSG::9102"}
    ET.SubElement(shape, f"{{{SHAPES}}}semiMajorAxis", metres).text = f"{ellipse.semi_major_m:.2f}"
    ET.SubElement(shape, f"{{{SHAPES}}}semiMinorAxis", metres).text = f"{ellipse.semi_minor_m:.2f}"
    ET.SubElement(shape, f"{{{SHAPES}}}orientation", degrees).text = f"{ellipse.azimuth_deg:.2f}"
    ET.SubElement(info, f"{{{CONFIDENCE}}}confidence", {"pdf": "normal"}).text = "95"
    ET.SubElement(geopriv, f"{{{GEOPRIV}}}usage-rules")
    ET.SubElement(geopriv, f"{{{GEOPRIV}}}method").text = "Triangulation"
    return ET.tostring(root, encoding="unicode")

"""An incident version in each of the forms that a receiver can ask for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from sensor.central.cad.cap import alert
from sensor.central.cad.eido import eido
from sensor.central.cad.geojson import feed
from sensor.central.cad.settings import CapSettings, EidoSettings
from sensor.central.incidents.chain import canonical, incident_json
from sensor.central.notify.settings import NotifySettings
from sensor.central.types import IncidentVersion

Format = Literal["incident", "geojson", "cap", "eido"]
CONTENT_TYPES: dict[Format, str] = {
    "incident": "application/json",
    "geojson": "application/geo+json",
    "cap": "application/cap+xml",
    "eido": "application/json",
}


class Bodies:
    """Writes incidents with the names, codes and links of one centre."""

    def __init__(self, settings: NotifySettings) -> None:
        self._settings = settings

    @property
    def eido_settings(self) -> EidoSettings:
        """Names and codes in EIDO."""
        return self._settings.eido

    @property
    def cap_settings(self) -> CapSettings:
        """Names in CAP."""
        return self._settings.cap

    def url_of(self, version: IncidentVersion) -> str:
        """Where the version can be seen; empty where nowhere."""
        return self._settings.url_of(version.incident_id, version.version)

    def write(
        self, version: IncidentVersion, form: Format, *, former: Sequence[IncidentVersion] = ()
    ) -> tuple[bytes, str]:
        """The bytes and their content type."""
        return self._bytes(version, form, former), CONTENT_TYPES[form]

    def _bytes(self, version: IncidentVersion, form: Format, former: Sequence[IncidentVersion]) -> bytes:
        url = self.url_of(version)
        if form == "incident":
            return canonical(incident_json(version))
        if form == "cap":
            return alert(version, former=former, settings=self.cap_settings, incident_url=url)
        if form == "eido":
            body = eido(version, former=former, settings=self.eido_settings, incident_url=url)
            return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        return json.dumps(feed([version]), ensure_ascii=False, allow_nan=False).encode()

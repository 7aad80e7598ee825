"""Documents for dispatch centres as files, so that a change shows even where the published schemas are not.

python -m tests.support.cad_golden      writes them anew; look at the difference before you commit it
"""

from __future__ import annotations

import json
from pathlib import Path

from sensor.central.cad.cap import alert
from sensor.central.cad.eido import eido
from sensor.central.cad.settings import CapSettings, EidoSettings
from tests.support.incident_examples import SECOND_PLACE, heard_only, later, located, retracted

FOLDER = Path(__file__).parents[1] / "central" / "cad" / "golden"
CAP = CapSettings(sender="centre@durham.example", contact="desk@durham.example")
EIDO = EidoSettings(domain="centre.durham.example", agency_id="durham.example")
URL = "https://centre.example/i/1"
CASES = {
    "alert": (located(alternatives=(SECOND_PLACE,), related_to=("other-incident",)), ()),
    "update": (later(located(), rounds_hi=5), (located(),)),
    "cancel": (retracted(located()), (located(),)),
    "heard-only": (heard_only(), ()),
    "exercise": (located(exercise=True), ()),
}


def documents() -> dict[str, bytes]:
    """File name -> what it must hold."""
    made: dict[str, bytes] = {}
    for name, (version, former) in CASES.items():
        made[f"{name}.cap.xml"] = alert(version, former=former, settings=CAP, incident_url=URL) + b"\n"
        body = eido(version, former=former, settings=EIDO, incident_url=URL)
        made[f"{name}.eido.json"] = json.dumps(body, ensure_ascii=False, indent=1).encode() + b"\n"
    return made


def main() -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for name, content in documents().items():
        (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()

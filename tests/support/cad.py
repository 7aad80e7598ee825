"""A dispatch centre's computer over real HTTP: takes EIDO, gives numbers, sends dispositions back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any, Self

from tests.support.http_receiver import Behaviour, Receiver, Reply, Request

Check = Callable[[Request], None]
"""Raises where a message must not be taken."""


class Cad:
    """Keeps one incident per EIDO ``$id`` and answers with its number for it."""

    def __init__(self, check: Check | None = None) -> None:
        self.incidents: dict[str, dict[str, Any]] = {}
        """EIDO ``$id`` -> the latest object."""
        self.history: list[dict[str, Any]] = []
        self.misbehaviour: Behaviour | None = None
        self._check = check
        self._keys: set[str] = set()
        self._numbers: dict[str, str] = {}
        self._lock = threading.Lock()
        self._receiver = Receiver(self._take)

    @property
    def url(self) -> str:
        """Where it takes incidents."""
        return f"{self._receiver.url}/eido"

    @property
    def requests(self) -> list[Request]:
        """Everything that was posted."""
        return self._receiver.requests

    def __enter__(self) -> Self:
        self._receiver.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._receiver.__exit__(*exception)

    def number_of(self, urn: str) -> str:
        """Its own number for an incident."""
        return self._numbers[urn]

    def disposition(self, urn: str, code: str, *, text: str = "", disposition_id: str = "d-1") -> bytes:
        """The EIDO with which it tells what came of an incident."""
        agency = {"$ref": "police.durham.example"}
        head = {"lastUpdateTimeStamp": "2025-11-25T05:02:11.000+00:00", "updatedByAgencyReference": agency}
        disposition = {
            "$id": disposition_id,
            **head,
            "dispositionCommonRegistryCode": code,
            "dispositionDescriptionText": text,
        }
        incident = {
            "$id": "cad-incident",
            **head,
            "incidentTypeCommonRegistryText": "SHOOT",
            "internalIncidentId": self._numbers.get(urn, "unheard of"),
            "dispositionComponent": [disposition],
        }
        body = {
            "$id": urn,
            **head,
            "eidoVersion": "1.0",
            "issuingElementIdentification": "cad.durham.example",
            "agencyComponent": [],
            "incidentComponent": incident,
        }
        return json.dumps(body).encode()

    def _take(self, request: Request) -> Behaviour:
        if self.misbehaviour is not None:
            return self.misbehaviour
        if self._check is not None:
            self._check(request)
        with self._lock:
            body = json.loads(request.body)
            urn = body["$id"]
            number = self._numbers.setdefault(urn, f"2025-{len(self._numbers) + 101:06d}")
            if request.headers["Gunshot-Key"] not in self._keys:
                self._keys.add(request.headers["Gunshot-Key"])
                self.incidents[urn] = body
                self.history.append(body)
        return Reply(202, json.dumps({"incidentComponent": {"internalIncidentId": number}}).encode())

"""The audit, to those who watch the watchers."""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request

from sensor.central.web.access import Viewer, Web
from sensor.errors import WireError

_MOST = 1000


def audit(web: Web, viewer: Viewer, request: Request) -> dict[str, object]:
    """``GET /api/audit``: the latest entries, of one actor, action or subject if asked.

    Looking is audited, too.
    """
    params = request.query_params
    actor, action, subject = (params.get(key) or None for key in ("actor", "action", "subject"))
    unknown = sorted(set(params) - {"actor", "action", "subject"})
    if unknown:
        raise WireError(f"{unknown[0]}: no such filter; there are actor, action and subject")
    entries = web.store.audit_log(actor=actor, action=action, subject=subject, limit=_MOST)
    web.audit(viewer.name, "audit.read", "audit", query=str(params)[:500])
    return {"entries": [{**asdict(entry), "detail": dict(entry.detail)} for entry in entries]}

"""Endpoints that read incidents: lists, one with everything, exports, its sound."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from sensor.central.cad.geojson import feed
from sensor.central.web.access import Viewer, Web
from sensor.central.web.answers import NotThere, as_json
from sensor.central.web.exports import as_csv
from sensor.central.web.filters import Query, read_query
from sensor.central.web.record import rows, versions_with_desk, whole


def incidents(web: Web, viewer: Viewer, request: Request) -> dict[str, object]:
    """``GET /api/incidents``: newest first; ``cut`` says that there were more than ``limit``."""
    query = read_query(request.query_params, most=web.settings.rows_max)
    found = rows(web, viewer, query)
    return {"incidents": found, "cut": len(found) >= query.limit, "now_ns": web.now_ns()}


def incident(web: Web, viewer: Viewer, request: Request) -> dict[str, object]:
    """``GET /api/incidents/{incident_id}``."""
    return whole(web, viewer, request.path_params["incident_id"])


def _asked(web: Web, viewer: Viewer, request: Request, form: str) -> Query:
    """The query of an export, audited: an export leaves the house."""
    query = read_query(request.query_params, most=web.settings.rows_max)
    if "limit" not in request.query_params:
        query = replace(query, limit=web.settings.rows_max)
    web.audit(viewer.name, "export", form, query=str(request.query_params)[:500])
    return query


def export_csv(web: Web, viewer: Viewer, request: Request) -> Response:
    """``GET /api/incidents.csv``."""
    text = as_csv(rows(web, viewer, _asked(web, viewer, request, "csv")))
    return Response(
        text,
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="incidents.csv"'},
    )


def export_geojson(web: Web, viewer: Viewer, request: Request) -> Response:
    """``GET /api/incidents.geojson``."""
    found = versions_with_desk(web.store, _asked(web, viewer, request, "geojson"))
    answer = as_json(feed(version for version, _ in found))
    answer.headers["content-type"] = "application/geo+json"
    answer.headers["content-disposition"] = 'attachment; filename="incidents.geojson"'
    return answer


def evidence(web: Web, viewer: Viewer, request: Request) -> Response:
    """``GET /api/incidents/{incident_id}/evidence/{event_id}``: the sound, where there is any; audited."""
    incident_id, event_id = request.path_params["incident_id"], request.path_params["event_id"]
    version = web.store.latest_of(incident_id)
    if version is None or event_id not in version.event_ids:
        raise NotThere(f"incident {incident_id[:60]} does not rest on an event {event_id[:60]}")
    clip = None if web.clips is None else web.clips.clip(event_id)
    web.audit(viewer.name, "evidence.heard" if clip else "evidence.absent", incident_id, event_id=event_id)
    if clip is None:
        raise NotThere(
            "no sound was kept of this event: sensors send times and figures, and sound only where the "
            "site's policy asks for it"
        )
    return Response(clip.data, media_type=clip.media_type, headers={"cache-control": "no-store"})

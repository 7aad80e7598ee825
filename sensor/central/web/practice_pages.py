"""Endpoints of the practice room."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from sensor.central.web.access import Body, Viewer, Web
from sensor.central.web.bodies import text
from sensor.central.web.decisions import read_decision
from sensor.central.web.redact import redacted


def practice(web: Web, viewer: Viewer, request: Request) -> dict[str, object]:
    """``GET /api/practice``: drills, the trainee's run, and the scores they may see."""
    del request
    return {
        "drills": [
            {
                "id": drill.drill_id,
                "title": drill.title,
                "words": drill.words,
                "cases": len(drill.cases),
            }
            for drill in web.practice.drills()
        ],
        "state": _shown(viewer, web.practice.state(viewer.name)),
        "scores": web.practice.scores(None if viewer.may("scores") else viewer.name),
    }


def start(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/practice/start {drill}``."""
    del request
    return _shown(viewer, web.practice.start(viewer.name, text(body, "drill", most=100, least=1)))


def following(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/practice/next {}``: let the next case appear."""
    del request, body
    return _shown(viewer, web.practice.following(viewer.name))


def acknowledge(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/practice/acknowledge {}``."""
    del request, body
    return _shown(viewer, web.practice.acknowledge(viewer.name))


def decide(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/practice/decide {action, class, reason}``; the same rules as at the desk."""
    del request
    decision = read_decision(body, ("confirm", "reclassify", "retract"))
    return _shown(viewer, web.practice.decide(viewer.name, decision))


def stop(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/practice/stop {}``."""
    del request, body
    return web.practice.stop(viewer.name)


def _shown(viewer: Viewer, told: dict[str, Any]) -> dict[str, Any]:
    """The same with the case before the trainee as their role may see it: it may be one of the record."""
    if told.get("incident") is None or viewer.may("nodes"):
        return told
    return {**told, "incident": redacted(told["incident"])}

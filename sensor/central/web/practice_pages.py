"""Endpoints of the practice room."""

from __future__ import annotations

from starlette.requests import Request

from sensor.central.web.access import Body, Viewer, Web
from sensor.central.web.bodies import choice, text
from sensor.central.web.filters import CLASSES


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
        "state": web.practice.state(viewer.name),
        "scores": web.practice.scores(None if viewer.may("scores") else viewer.name),
    }


def start(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/practice/start {drill}``."""
    del request
    return web.practice.start(viewer.name, text(body, "drill", most=100, least=1))


def following(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/practice/next {}``: let the next case appear."""
    del request, body
    return web.practice.following(viewer.name)


def acknowledge(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/practice/acknowledge {}``."""
    del request, body
    return web.practice.acknowledge(viewer.name)


def decide(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/practice/decide {action, class, reason}``; the same rules for reasons as at the desk."""
    del request
    action = choice(body, "action", ("confirm", "reclassify", "retract"))
    return web.practice.decide(
        viewer.name,
        action=action,
        incident_class=choice(body, "class", CLASSES) if action == "reclassify" else None,
        reason=text(body, "reason", most=500, least=0 if action == "confirm" else 3),
    )


def stop(web: Web, viewer: Viewer, request: Request, body: Body) -> dict[str, object]:
    """``POST /api/practice/stop {}``."""
    del request, body
    return web.practice.stop(viewer.name)

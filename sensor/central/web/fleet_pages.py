"""Endpoints about the nodes: where they are, how they are, and what they cover together."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request

from sensor.central.fleet.coverage import coverage, radii
from sensor.central.store.values import NodeState
from sensor.central.web.access import Viewer, Web


def nodes(web: Web, viewer: Viewer, request: Request) -> dict[str, object]:
    """``GET /api/nodes``: every node, for roles that may see them."""
    del viewer, request
    states = web.store.nodes()
    reach = radii(states, web.fleet)
    return {"nodes": [node_view(state, reach[state.key]) for state in states], "now_ns": web.now_ns()}


def node_view(state: NodeState, radius_m: float | None = None) -> dict[str, Any]:
    """One node as the map draws it."""
    return {
        "site": state.site,
        "node": state.node,
        "state": state.state,
        "utc_ns": state.utc_ns,
        "position": None if state.position is None else asdict(state.position),
        "clock_source": state.clock_source,
        "clock_sigma_ns": state.clock_sigma_ns,
        "noise_db_spl": state.noise_db_spl,
        "noise_dbfs": state.noise_dbfs,
        "problems": list(state.problems),
        "quarantine_reason": state.quarantine_reason,
        "software": state.software,
        "radius_m": None if radius_m is None else round(radius_m),
    }


def covered(web: Web, viewer: Viewer, request: Request) -> dict[str, object]:
    """``GET /api/coverage``: a coarse grid, from which no sensor's place can be read."""
    del viewer, request
    return coverage(web.store.nodes(), web.fleet)

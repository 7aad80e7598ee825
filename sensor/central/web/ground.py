"""What the map stands on: files of the site, served to those who are logged in."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from sensor.central.web.access import Viewer, Web
from sensor.central.web.answers import NotThere

_NUMBER = re.compile(r"[0-9]{1,8}")
_CACHE = {"cache-control": "private, max-age=3600"}


def streets(web: Web, viewer: Viewer, request: Request) -> Response:
    """``GET /ground/streets.geojson``."""
    del viewer, request
    return _file(web.settings.map_streets, "map_streets", "application/geo+json")


def archive(web: Web, viewer: Viewer, request: Request) -> Response:
    """``GET /ground/map.pmtiles``; the browser asks for ranges of it."""
    del viewer, request
    return _file(web.settings.map_pmtiles, "map_pmtiles", "application/octet-stream")


def tile(web: Web, viewer: Viewer, request: Request) -> Response:
    """``GET /ground/tiles/{z}/{x}/{y}.png``; the path's parts are numbers, so they lead nowhere else."""
    del viewer
    if not web.settings.map_tiles:
        raise NotThere("web.map_tiles names no folder of tiles")
    z, x, y = (request.path_params[part] for part in "zxy")
    if not all(_NUMBER.fullmatch(part) for part in (z, x, y)):
        raise NotThere("a tile has three numbers: zoom, column and row")
    path = Path(web.settings.map_tiles) / z / x / f"{y}.png"
    return _file(str(path), "map_tiles", "image/png")


def _file(name: str, setting: str, media_type: str) -> Response:
    if not name or not Path(name).is_file():
        raise NotThere(f"web.{setting} does not name a file that is there")
    return FileResponse(name, media_type=media_type, headers=_CACHE)

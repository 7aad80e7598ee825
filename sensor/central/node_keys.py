"""The nodes' public keys: one PEM file each, ``SITE/NODE.pem``, read again when it changes."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from sensor.central.incidents.signing import CentreKeys
from sensor.errors import CentralError
from sensor.events import NAME_PATTERN

logger = logging.getLogger(__name__)


class NodeKeys:
    """Finds the key of a node; None as ``folder`` means that there are none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[int, CentreKeys | None]] = {}

    def verifier(self, site: str, node: str) -> CentreKeys | None:
        """What checks the signatures of a node; None where there is no usable key of it."""
        if self._folder is None or not (NAME_PATTERN.fullmatch(site) and NAME_PATTERN.fullmatch(node)):
            return None
        path = self._folder / site / f"{node}.pem"
        try:
            changed_ns = path.stat().st_mtime_ns
        except OSError:
            return None
        with self._lock:
            known = self._known.get(path)
            if known is None or known[0] != changed_ns:
                known = self._known[path] = (changed_ns, _load(path))
        return known[1]


def _load(path: Path) -> CentreKeys | None:
    try:
        return CentreKeys.load([path])
    except CentralError as error:
        logger.error("%s", error)  # noqa: TRY400  told in words
        return None

"""What one path adds to a sound, learned from fixes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PathCorrections:
    """Corrections by node and cell of the ground."""

    version: str

"""Numbers of things in words."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"

"""What the centre says, in machine-readable form: JSON Schemas 2020-12 and an AsyncAPI 3 document."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

KINDS = ("incident",)
"""Kinds of message with a schema."""


def load(kind: str) -> dict[str, Any]:
    """JSON Schema of one kind of message.

    Raises:
        KeyError: there is no such kind.
    """
    if kind not in KINDS:
        raise KeyError(f"no schema for {kind!r}; there are: {', '.join(KINDS)}")
    text = (resources.files(__name__) / f"{kind}.schema.json").read_text(encoding="utf-8")
    body: dict[str, Any] = json.loads(text)
    return body

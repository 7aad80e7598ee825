"""Settings of the classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class ClassifySettings:
    """Which weights judge a trigger."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    model: str = "default"
    """Path of the weights (``.npz``, as ``scripts/train_classifier`` writes them); ``default`` = those that
    come with the package."""

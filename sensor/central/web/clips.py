"""Where the sound of an event is kept, if it is kept at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sensor.errors import StoreError

_MEDIA = {".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg"}
_EVENT_ID = re.compile(r"[0-9a-f-]{36}")
_LARGEST_BYTES = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A short piece of sound round one event."""

    media_type: str
    data: bytes


class Clips(Protocol):
    """Whoever keeps the sound."""

    def holds(self, event_id: str) -> bool:
        """Whether there is sound of this event."""
        ...

    def clip(self, event_id: str) -> Clip | None:
        """The sound of an event; None where there is none. Raises StoreError where it cannot be read."""
        ...


class FolderClips:
    """Files ``EVENT_ID.wav`` (or ``.flac``, ``.ogg``) in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, event_id: str) -> bool:
        """Whether there is a file of this event."""
        return self._path(event_id) is not None

    def clip(self, event_id: str) -> Clip | None:
        """The file of this event."""
        path = self._path(event_id)
        if path is None:
            return None
        try:
            if path.stat().st_size > _LARGEST_BYTES:
                raise StoreError(f"{path.name} is larger than {_LARGEST_BYTES} bytes: that is no clip")
            return Clip(media_type=_MEDIA[path.suffix], data=path.read_bytes())
        except OSError as error:
            raise StoreError(f"{path.name} cannot be read: {error.strerror or error}") from error

    def _path(self, event_id: str) -> Path | None:
        if not _EVENT_ID.fullmatch(event_id):  # it becomes a file's name: nothing but a UUID may
            return None
        paths = (self._folder / f"{event_id}{suffix}" for suffix in _MEDIA)
        return next((path for path in paths if path.is_file()), None)

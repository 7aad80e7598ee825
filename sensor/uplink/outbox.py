"""The durable queue between the dsp thread and the broker: stored first, then forwarded.

``append`` numbers a candidate and commits it. When the disk cannot store (full, read-only, locked,
failing), the candidate goes into a second chain in memory instead, so the sensor goes on alerting; the
disk is tried again every few seconds and takes over what has not been sent by then. A damaged file is
set aside, never deleted; what is readable in it is carried over into a new one. Every such thing is
counted and shows in ``OutboxStats.problem``.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from sensor.errors import OutboxError
from sensor.uplink.store import DamagedError, RefusedError, Row, Store, salvage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from sensor.events import Candidate
    from sensor.uplink.settings import OutboxSettings

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

RETRY_S = 5.0
"""Between two attempts to store on a disk that refused: each may cost the dsp thread ``busy_timeout_s``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxStats:
    """What the outbox holds; counts run from the start of the process."""

    depth: int
    """Candidates that wait to be sent."""
    oldest_s: float | None
    """Age of the one that waits longest, seconds by the system's clock; None if none waits."""
    bytes: int
    """Bytes of stored candidates, those held back included."""
    chain_id: str
    """Chain that the next candidate joins."""
    seq: int
    """Last number given in it."""
    dropped: int
    """Candidates lost because a cap was reached."""
    quarantined: int
    """Candidates held back because the broker refuses them; they stay stored."""
    in_memory: int
    """Candidates that a power cut would lose, because the disk does not store."""
    uncommitted: int
    """Candidates that the disk could not store at once."""
    set_aside: int
    """Damaged files that were renamed."""
    problem: str | None
    """Why the disk does not store at present; None = all is well."""


class Outbox:
    """Numbered candidates that wait for the broker. Thread-safe."""

    def __init__(self, settings: OutboxSettings, site: str, node: str) -> None:
        """Open or create the outbox; a disk that cannot store shows in ``stats`` and is not raised.

        Raises:
            OutboxError: another process uses this outbox, or the file is another program's database.
        """
        self._settings = settings
        self._site = site
        self._node = node
        self._lock = threading.Lock()
        self._memory = Store(None, site, node)
        self._disk: Store | None = None
        self._file: tuple[int, int] | None = None
        self._claim: int | None = None
        self._problem: str | None = None
        self._retry_at = 0.0
        self._dropped = self._uncommitted = self._set_aside = 0
        self._closed = False
        self._last_stats: OutboxStats | None = None
        try:
            self._open_disk()
        except RefusedError:
            self.close()
            raise
        except OutboxError as error:
            self._fail(error)
            self._tend()

    # --- the dsp thread -------------------------------------------------------------------------------

    def append(self, candidate: Candidate) -> Candidate:
        """Number and store ``candidate``; return it as stored, which is as it will be published.

        Blocks for one commit, at worst for ``busy_timeout_s`` more. A disk that refuses costs no
        candidate: it is kept in memory and sent all the same.

        Raises:
            WireError: JSON cannot carry it, or it is of another node.
            OutboxError: the outbox is closed.
        """
        with self._lock:
            if self._closed:
                raise OutboxError(f"outbox {self._settings.path} is closed")
            stored = self._on_disk(lambda disk: disk.append(candidate))
            if stored is None:  # a damaged or vanished file was replaced by now, or the disk is out of use
                stored = self._on_disk(lambda disk: disk.append(candidate))
            if stored is None:
                self._uncommitted += 1
                stored = self._memory.append(candidate)
            self._keep_caps()
            return stored

    # --- the uplink thread ----------------------------------------------------------------------------

    def pending(
        self,
        limit: int,
        *,
        skip: Collection[str] = (),
        held_topics: Collection[str] = (),
        newest: bool = False,
    ) -> list[Row]:
        """The oldest ``limit`` candidates that wait, or the newest, in that order.

        Args:
            limit: most rows to return.
            skip: ids to leave out.
            held_topics: topics to leave out.
            newest: begin with the newest.
        """
        with self._lock:
            rows: list[Row] = []
            if self._closed:
                return rows
            for store in (self._memory, self._disk) if newest else (self._disk, self._memory):
                if store is not None and store.depth and len(rows) < limit:
                    with self._reading():
                        rows += store.pending(
                            limit - len(rows), skip=skip, held_topics=held_topics, newest=newest
                        )
            return rows

    def delete(self, event_ids: Collection[str]) -> None:
        """Forget candidates that the broker has acknowledged."""
        with self._lock:
            if self._closed:
                return
            if self._memory.depth or self._memory.quarantined:
                self._memory.delete(event_ids)
            self._change(event_ids, lambda disk: disk.delete(event_ids))

    def quarantine(self, event_id: str, reason: str) -> None:
        """Hold back a candidate that the broker refuses; it stays stored and can be re-queued."""
        with self._lock:
            if self._closed:
                return
            self._memory.quarantine(event_id, reason)
            self._change([event_id], lambda disk: disk.quarantine(event_id, reason), quarantine=reason)

    def requeue(self, prefix: str = "", max_body_bytes: int | None = None) -> int:
        """Let candidates that were held back wait again; return how many.

        Args:
            prefix: only those whose reason begins so.
            max_body_bytes: only those of at most so many bytes.
        """
        with self._lock:
            if self._closed:
                return 0
            moved = self._memory.requeue(prefix, max_body_bytes)
            return moved + (self._on_disk(lambda disk: disk.requeue(prefix, max_body_bytes)) or 0)

    def tend(self) -> None:
        """Try a disk that refused again, if it is time; called every second or so by the uplink."""
        with self._lock:
            if not self._closed:
                self._tend()

    # --- any thread -----------------------------------------------------------------------------------

    def stats(self) -> OutboxStats:
        """What the outbox holds now, or held when it was closed."""
        with self._lock:
            return self._last_stats or self._stats()

    def close(self) -> None:
        """Release the file; safe to repeat. What is in memory only is stored first, if the disk lets it."""
        with self._lock:
            if self._closed:
                return
            self._retry_at = 0.0
            self._tend()
            self._last_stats = self._stats()
            self._closed = True
            if self._memory.depth:
                _log.error("outbox: %d candidates were in memory only and are lost", self._memory.depth)
            for store in (self._disk, self._memory):
                if store is not None:
                    with suppress(OutboxError):
                        store.close()
            if self._claim is not None:
                os.close(self._claim)

    def __enter__(self) -> Self:
        """Return the open outbox."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # --- with the lock held ---------------------------------------------------------------------------

    def _stats(self) -> OutboxStats:
        disk, memory = self._disk, self._memory
        stored = [memory] if disk is None else [disk, memory]
        oldest: list[int] = []
        with self._reading():
            oldest = [age for age in (store.oldest_ns() for store in stored) if age is not None]
        chain = (memory if disk is None or self._problem else disk).chain
        return OutboxStats(
            depth=sum(store.depth for store in stored),
            oldest_s=max(0.0, (time.time_ns() - min(oldest)) / 1e9) if oldest else None,
            bytes=sum(store.bytes for store in stored),
            chain_id=chain.chain_id,
            seq=chain.seq,
            dropped=self._dropped,
            quarantined=sum(store.quarantined for store in stored),
            in_memory=memory.depth + memory.quarantined,
            uncommitted=self._uncommitted,
            set_aside=self._set_aside,
            problem=self._problem,
        )

    def _open_disk(self) -> None:
        path = self._settings.path
        if self._claim is None:
            self._claim = _claim(path)
        self._disk = Store(path, self._site, self._node, busy_timeout_s=self._settings.busy_timeout_s)
        self._file = _identity(path)

    def _on_disk(self, action: Callable[[Store], _T]) -> _T | None:
        """What ``action`` returns; None if the disk is out of use, or now found so."""
        if self._closed:
            return None
        self._tend()
        if self._disk is None or self._problem is not None:
            return None
        try:
            return action(self._disk)
        except OutboxError as error:
            self._fail(error)
            return None

    def _change(
        self, event_ids: Collection[str], action: Callable[[Store], None], *, quarantine: str | None = None
    ) -> None:
        """Let ``action`` write; while the disk refuses, these rows are at least not handed out again."""

        def done(disk: Store) -> bool:
            action(disk)
            return True

        if not self._on_disk(done) and self._disk is not None:
            with self._reading():
                self._disk.pass_over(event_ids, quarantine)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OutboxError as error:
            self._fail(error)

    def _fail(self, error: OutboxError) -> None:
        """Take the disk out of use; a damaged file is set aside, so that a new one can take its place."""
        if str(error) != self._problem:
            _log.error("%s; candidates are kept in memory until it stores again", error)
        self._problem = str(error)
        self._retry_at = time.monotonic() + RETRY_S
        if isinstance(error, DamagedError):
            self._leave_file()
            with suppress(OSError):
                self._memory.adopt(salvage(_set_aside(self._settings.path)))
                self._set_aside += 1
                self._retry_at = 0.0

    def _leave_file(self) -> None:
        if self._disk is not None:
            with suppress(OutboxError):
                self._disk.close()
        self._disk = None

    def _tend(self) -> None:
        """Notice a file that vanished; try a disk that refused again, if it is time."""
        if self._disk is not None and self._file != _identity(self._settings.path):
            with self._reading():
                self._memory.adopt(self._disk.rows())
            self._leave_file()
            self._fail(OutboxError(f"outbox {self._settings.path} was removed or replaced while in use"))
            self._retry_at = 0.0
        if self._problem is None or time.monotonic() < self._retry_at:
            return
        try:
            if self._disk is None:
                self._open_disk()
            if self._disk is not None:
                kept = list(self._memory.rows())
                self._disk.adopt(kept)
                self._memory.delete([row.event_id for row in kept])
        except OutboxError as error:
            self._fail(error)
        else:
            _log.warning("outbox %s stores again; %d candidates taken over", self._settings.path, len(kept))
            self._problem = None

    def _keep_caps(self) -> None:
        dropped = self._memory.drop_oldest(self._settings.max_memory_bytes)
        dropped += self._on_disk(lambda disk: disk.drop_oldest(self._settings.max_bytes)) or 0
        if dropped:
            self._dropped += dropped
            _log.error("outbox is full: the %d oldest candidates were dropped", dropped)


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of ``path``; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _claim(path: Path) -> int:
    """Lock ``path`` for this process as long as the returned descriptor is open.

    Raises:
        RefusedError: another process has it.
        OutboxError: the lock file cannot be made.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OutboxError(f"outbox {path}: {error.strerror}: {error.filename}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise RefusedError(
            f"outbox {path} is in use by process {owner}: two sensors must not share one; stop the other"
            " or name another path"
        ) from error
    with suppress(OSError):  # the number is a courtesy; a full disk must not stop us here
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def _set_aside(path: Path) -> Path:
    """Rename the damaged database with its companions; return the new name. Raises OSError."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    target = path.with_name(f"{path.name}.damaged-{stamp}-{os.urandom(2).hex()}")
    path.rename(target)
    for companion in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + companion).rename(target.with_name(target.name + companion))
    _log.error("the damaged outbox is kept as %s; what is readable in it is carried over", target)
    return target

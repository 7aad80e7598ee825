"""The store over any SQL database: all queries joined, to which a database is given."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from sensor.central.store.arrivals import ArrivalQueries
from sensor.central.store.database import Database
from sensor.central.store.deliveries import DeliveryQueries
from sensor.central.store.marks import MarkQueries
from sensor.central.store.nodes import NodeQueries
from sensor.central.store.people import PeopleQueries
from sensor.central.store.proof import ProofQueries
from sensor.central.store.versions import VersionQueries


class SqlStore(
    ArrivalQueries, VersionQueries, ProofQueries, PeopleQueries, NodeQueries, DeliveryQueries, MarkQueries
):
    """Everything a store can do that does not depend on the kind of database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the record is, for messages."""

    def check(self) -> str:
        """Say in words that the database answers and takes writes; raise StoreError if it does not."""
        self.put_mark("check", (self.mark("check") or 0) + 1)
        with self._database.read() as session:
            count = session.one("SELECT count(*) FROM incident")
        return f"{self.place}: takes writes, holds {count[0] if count else 0} incidents"

    @abstractmethod
    def backup(self, path: Path) -> None:
        """Copy everything into a new SQLite file while others go on writing."""

    def close(self) -> None:
        """Let go of the database; StoreError for whoever asks later."""
        self._database.close()

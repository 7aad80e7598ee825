"""Queries on the state and the history of nodes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from sensor.central.incidents.chain import canonical
from sensor.central.store.database import Database, Where
from sensor.central.store.values import NodeSample, NodeState
from sensor.events import Position

_PUT = (
    "INSERT INTO node (site, node, body) VALUES (?, ?, ?)"
    " ON CONFLICT (site, node) DO UPDATE SET body = excluded.body"
)
_SAMPLE = (
    "INSERT INTO node_sample (site, node, utc_ns, kind, body) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (site, node, utc_ns, kind) DO UPDATE SET body = excluded.body"
)


class NodeQueries:
    """What is known of the nodes."""

    _database: Database

    def put_node(self, state: NodeState) -> None:
        """Replace the latest state of a node."""
        with self._database.write() as session:
            session.run(_PUT, state.site, state.node, canonical(asdict(state)).decode())

    def node(self, site: str, node: str) -> NodeState | None:
        """The latest state of one node."""
        with self._database.read() as session:
            found = session.one("SELECT body FROM node WHERE site = ? AND node = ?", site, node)
        return None if found is None else _state(found[0])

    def nodes(self) -> list[NodeState]:
        """The latest state of every node."""
        with self._database.read() as session:
            return [_state(row[0]) for row in session.all("SELECT body FROM node ORDER BY site, node")]

    def add_node_samples(self, samples: Sequence[NodeSample]) -> None:
        """Add to the nodes' history; a reading of the same node, time and kind replaces the former."""
        rows = [
            (item.site, item.node, item.utc_ns, item.kind, canonical(item.values).decode())
            for item in samples
        ]
        if rows:
            with self._database.write() as session:
                session.many(_SAMPLE, rows)

    def node_samples(
        self,
        *,
        site: str | None = None,
        node: str | None = None,
        kind: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
        limit: int = 10_000,
    ) -> list[NodeSample]:
        """The nodes' history, oldest first."""
        where = Where()
        for column, value in (("site", site), ("node", node), ("kind", kind)):
            where.add_if(f"{column} = ?", value)
        where.between("utc_ns", since_ns, until_ns)
        with self._database.read() as session:
            found = session.all(
                "SELECT site, node, utc_ns, kind, body"  # noqa: S608  conditions are ours, values are bound
                f" FROM node_sample{where} ORDER BY utc_ns, site, node, kind LIMIT ?",
                *where.values,
                limit,
            )
        return [
            NodeSample(site=row[0], node=row[1], utc_ns=int(row[2]), kind=row[3], values=json.loads(row[4]))
            for row in found
        ]

    def forget_node_samples(self, before_ns: int) -> int:
        """Delete history of before ``before_ns`` (retention); return how much."""
        with self._database.write() as session:
            return session.run("DELETE FROM node_sample WHERE utc_ns < ?", before_ns)


def _state(text: str) -> NodeState:
    body = json.loads(text)
    body["position"] = None if body["position"] is None else Position(**body["position"])
    body["problems"] = tuple(body["problems"])
    return NodeState(**body)

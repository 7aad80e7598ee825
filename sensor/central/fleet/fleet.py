"""The watch over all nodes: who is there, who is to be believed, how much of the town is heard."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from sensor.central.fleet.alarms import FleetAlarm, Standing
from sensor.central.fleet.coverage import coverage
from sensor.central.fleet.rules import Fault, fault_of
from sensor.central.fleet.settings import FleetSettings
from sensor.central.fleet.shared import SharedSounds
from sensor.central.fleet.watch import Quarantine, Watched
from sensor.central.store.values import NodeSample, NodeState
from sensor.central.types import Air, Arrival, Listener, Source
from sensor.errors import CentralError
from sensor.events import Position

_S = 10**9
_DAY_NS = 86_400 * _S
DOUBT_S = 3600
"""So long after two machines were last heard under one name it still counts as doubtful, seconds."""
RULES = "fleet"
"""Author of what no person decided."""
WHOLE_SITE = "*"
"""Node name of readings that concern a whole site; no node can be called so."""


class Fleet:
    """Learns from messages and fixes; tells alarms, states and who may take part. No threads, no clock.

    Every time is the centre's UTC in nanoseconds, handed in by whoever calls.
    """

    def __init__(self, settings: FleetSettings) -> None:
        self._settings = settings
        self._nodes: dict[str, Watched] = {}
        self._shared: dict[str, SharedSounds] = {}
        self._unjudged: set[str] = set()
        """Sites that learned something since they were last judged."""
        self._standing = Standing()
        self._samples: list[NodeSample] = []
        self._coverage_due_ns: dict[str, int] = {}

    # ---- what comes in

    def restore(
        self,
        states: Iterable[NodeState],
        samples: Iterable[NodeSample] = (),
        standing: Iterable[FleetAlarm] = (),
    ) -> None:
        """Go on from the record after a restart: silence counts from when a node was last heard.

        Args:
            states: of every node.
            samples: the history's readings of kind ``release``: what people decided stays in force.
            standing: alarms that were raised and not cleared.
        """
        self._standing.restore(standing)
        for state in states:
            node = self._watched(state.site, state.node, state.utc_ns)
            node.position, node.health = state.position, state.health
            node.noise_db_spl, node.noise_dbfs = state.noise_db_spl, state.noise_dbfs
            node.problems, node.software, node.boot_id = state.problems, state.software, state.boot_id
            node.clock = {"source": state.clock_source, "utc_sigma_ns": state.clock_sigma_ns}
            node.stopped = state.state == "stopped"
            if state.quarantine_reason:
                node.quarantine = Quarantine(
                    author="record", reason=state.quarantine_reason, since_ns=state.utc_ns
                )
        for sample in samples:
            released = self._nodes.get(f"{sample.site}/{sample.node}")
            if released is not None and sample.kind == "release":
                released.trusted_until_ns = max(released.trusted_until_ns, self._trust(sample.utc_ns))

    def status(self, site: str, node: str, body: Mapping[str, Any], *, at_ns: int) -> None:
        """A birth, a farewell or a last will; the will of an earlier run than the present one is stale."""
        watched = self._watched(site, node, at_ns)
        online, boot_id = body.get("state") == "online", body.get("boot_id")
        if not online and boot_id and watched.boot_id and boot_id != watched.boot_id:
            return
        watched.stopped = not online and body.get("reason") == "stopped"
        watched.lost = not online and not watched.stopped
        if online:
            watched.boot_id = boot_id if isinstance(boot_id, str) else None
            watched.heard_ns = max(watched.heard_ns, at_ns)
            watched.silent = False
        watched.position = _position(body.get("position")) or watched.position
        versions = body.get("versions")
        if isinstance(versions, Mapping):
            watched.software = str(versions.get("software") or "") or watched.software
        self._sample(watched, at_ns, "status", {"online": online, "reason": str(body.get("reason", ""))})

    def health(
        self, site: str, node: str, body: Mapping[str, Any], *, at_ns: int, retained: bool = False
    ) -> None:
        """A health message, as it came; what is missing or of the wrong kind stays unknown.

        One that the broker had ``retained`` tells how the node was, not that it is there now.
        """
        watched = self._watched(site, node, at_ns)
        if not retained:
            self._speaks(watched, at_ns)
        watched.health = body
        watched.clock = clock if isinstance(clock := body.get("clock"), Mapping) else {}
        audio = body.get("audio")
        noise_dbfs = audio.get("noise_dbfs") if isinstance(audio, Mapping) else None
        if isinstance(noise_dbfs, int | float) and not isinstance(noise_dbfs, bool):
            full_scale_db = watched.full_scale_db_spl
            watched.noise_dbfs = float(noise_dbfs)
            watched.noise_db_spl = None if full_scale_db is None else noise_dbfs + full_scale_db
        problems = body.get("problems")
        watched.problems = tuple(str(item) for item in problems) if isinstance(problems, list | tuple) else ()
        values = {
            "noise_dbfs": watched.noise_dbfs,
            "noise_db_spl": watched.noise_db_spl,
            "clock_source": watched.clock.get("source"),
            "clock_sigma_ns": watched.clock.get("utc_sigma_ns"),
            "problems": list(watched.problems),
            "uptime_s": body.get("uptime_s"),
            "rejects": rejects if isinstance(rejects := body.get("rejects"), Mapping) else {},
        }
        self._sample(watched, at_ns, "health", values)

    def heard(self, arrival: Arrival, *, at_ns: int) -> None:
        """A candidate: the node lives, says where it is, and calibrated ones say what full scale means."""
        watched = self._watched(arrival.site, arrival.node, at_ns)
        self._speaks(watched, at_ns)
        watched.position = arrival.position
        if arrival.peak_db_spl is not None and arrival.peak_dbfs is not None:
            watched.full_scale_db_spl = arrival.peak_db_spl - arrival.peak_dbfs

    def doubt(self, site: str, node: str, text: str, *, at_ns: int) -> None:
        """Two machines seem to speak under this name."""
        watched = self._watched(site, node, at_ns)
        watched.doubt, watched.doubt_ns = text, at_ns

    def learn(self, source: Source, air: Air, *, at_ns: int) -> None:
        """A source that is final: what its arrivals say about the nodes."""
        if source.fix is None:
            return
        site = source.association.rounds[0][0].site
        self._shared.setdefault(site, SharedSounds(self._settings)).learn(source, air)
        self._unjudged.add(site)
        for item in source.fix.residuals:
            if item.round == 0:
                values = {"residual_ms": item.residual_s * 1e3, "weight": item.weight}
                self._samples.append(
                    NodeSample(site=site, node=item.node, utc_ns=at_ns, kind="residual", values=values)
                )

    # ---- what people decide

    def quarantine(self, key: str, *, author: str, reason: str, at_ns: int) -> None:
        """Leave a node out of fixes until it is released; raise CentralError if there is no such node."""
        if not reason.strip():
            raise CentralError(f"{key}: a quarantine needs a reason; the record keeps it")
        watched = self._known(key)
        watched.quarantine = Quarantine(author=author, reason=reason, since_ns=at_ns)
        watched.trusted_until_ns = 0

    def release(self, key: str, *, author: str, reason: str, at_ns: int) -> None:
        """Believe a node again; what was learned of it is forgotten and rules leave it alone for a while."""
        if not reason.strip():
            raise CentralError(f"{key}: a release needs a reason; the record keeps it")
        watched = self._known(key)
        watched.quarantine = None
        watched.trusted_until_ns = self._trust(at_ns)
        if watched.site in self._shared:
            self._shared[watched.site].forget(watched.node)
        values = {"released_by": author, "reason": reason}
        self._sample(watched, at_ns, "release", values)

    # ---- what goes out

    def tick(self, now_ns: int) -> list[FleetAlarm]:
        """Look at everything; return what is news. Called about once a second."""
        news = [alarm for node in self._nodes.values() for alarm in self._silence(node, now_ns)]
        for site in sorted(self._unjudged):
            news += self._judge(site, now_ns)
        self._unjudged.clear()
        for node in self._nodes.values():
            news += self._held(node, now_ns)
            news += self._twofold(node, now_ns)
        for site in sorted({node.site for node in self._nodes.values() if node.position}):
            if now_ns >= self._coverage_due_ns.get(site, 0):
                self._coverage_due_ns[site] = now_ns + round(self._settings.coverage_interval_s * _S)
                news += self._cover(site, now_ns)
        return news

    def alarms(self) -> tuple[FleetAlarm, ...]:
        """Every alarm that stands."""
        return self._standing.now()

    def states(self) -> list[NodeState]:
        """Every node, by site and name."""
        return [node.state() for _, node in sorted(self._nodes.items())]

    def listeners(self) -> list[Listener]:
        """Every node whose place is known, as fusion needs it."""
        found = (node.listener() for node in self._nodes.values())
        return [listener for listener in found if listener is not None]

    def samples(self) -> list[NodeSample]:
        """What is to be added to the history since the last call."""
        taken, self._samples = self._samples, []
        return taken

    # ---- inside

    def _watched(self, site: str, node: str, at_ns: int) -> Watched:
        return self._nodes.setdefault(f"{site}/{node}", Watched(site=site, node=node, heard_ns=at_ns))

    @staticmethod
    def _speaks(watched: Watched, at_ns: int) -> None:
        watched.heard_ns = max(watched.heard_ns, at_ns)
        watched.silent = watched.stopped = watched.lost = False

    def _trust(self, released_ns: int) -> int:
        return released_ns + round(self._settings.override_days * _DAY_NS)

    def _known(self, key: str) -> Watched:
        if key not in self._nodes:
            raise CentralError(f"{key}: no such node; there are {', '.join(sorted(self._nodes)) or 'none'}")
        return self._nodes[key]

    def _sample(self, node: Watched, at_ns: int, kind: str, values: Mapping[str, Any]) -> None:
        self._samples.append(
            NodeSample(site=node.site, node=node.node, utc_ns=at_ns, kind=kind, values=values)
        )

    def _silence(self, node: Watched, now_ns: int) -> list[FleetAlarm]:
        quiet_s = (now_ns - node.heard_ns) / _S
        node.silent = quiet_s > self._settings.silent_after_s and not node.stopped
        silent = node.condition == "silent"
        if silent:
            how = "its connection broke" if node.lost else "it says nothing, and did not take its leave"
            text = f"heard last {quiet_s:.0f} s ago: {how}; look at its power, network and journal"
        else:
            text = "was stopped on purpose" if node.stopped else "is there again"
        alarm = FleetAlarm(
            kind="silent",
            site=node.site,
            node=node.node,
            raised=silent,
            utc_ns=now_ns,
            text=text,
            values={"quiet_s": round(quiet_s, 1)},
        )
        return self._standing.change(alarm)

    def _held(self, node: Watched, now_ns: int) -> list[FleetAlarm]:
        held = node.quarantine
        text = "was released" if held is None else f"takes no part in fixes until released: {held.reason}"
        author = None if held is None else held.author
        return self._standing.change(
            FleetAlarm(
                kind="quarantine",
                site=node.site,
                node=node.node,
                raised=held is not None,
                utc_ns=now_ns,
                text=text,
                values={"author": author},
            )
        )

    def _twofold(self, node: Watched, now_ns: int) -> list[FleetAlarm]:
        """Two machines under one name, until that was not seen for a while."""
        raised = bool(node.doubt) and now_ns - node.doubt_ns < DOUBT_S * _S
        text = node.doubt if raised else "speaks with one voice again"
        return self._standing.change(
            FleetAlarm(
                kind="identity", site=node.site, node=node.node, raised=raised, utc_ns=now_ns, text=text
            )
        )

    def _judge(self, site: str, now_ns: int) -> list[FleetAlarm]:
        """Who is off, by the site's shared sounds; the worst are quarantined as far as the share allows."""
        shared = self._shared[site]
        estimates, residuals = shared.estimates(), shared.residuals()
        members = [node for node in self._nodes.values() if node.site == site]
        faults = {
            node.key: fault
            for node in members
            if (fault := fault_of(estimates.get(node.node), residuals.get(node.node), self._settings))
        }
        news = []
        for node in members:
            for kind in ("clock", "position", "residual"):
                fault = faults.get(node.key)
                raised = fault is not None and fault.kind == kind
                text = fault.text if fault is not None and raised else "agrees with the others again"
                news += self._standing.change(
                    FleetAlarm(kind=kind, site=site, node=node.node, raised=raised, utc_ns=now_ns, text=text)
                )
        return news + self._apply(site, members, faults, now_ns)

    def _apply(
        self, site: str, members: list[Watched], faults: Mapping[str, Fault], now_ns: int
    ) -> list[FleetAlarm]:
        allowed = int(self._settings.quarantine_share_max * len(members))
        held = sum(node.quarantine is not None for node in members)
        refused = 0
        for node in sorted(members, key=lambda item: -_severity(faults.get(item.key))):
            fault = faults.get(node.key)
            if fault is None or node.quarantine is not None or now_ns < node.trusted_until_ns:
                continue
            if held >= allowed:
                refused += 1
                continue
            held += 1
            node.quarantine = Quarantine(author=RULES, reason=fault.text, since_ns=now_ns)
        return self._standing.change(
            FleetAlarm(
                kind="many_off",
                site=site,
                node=None,
                raised=refused > 0,
                utc_ns=now_ns,
                text=f"{refused} more nodes disagree than may be left out without a person; "
                "it may be the rest that is wrong"
                if refused
                else "no more nodes disagree than may be left out",
            )
        )

    def _cover(self, site: str, now_ns: int) -> list[FleetAlarm]:
        states = [node.state() for node in self._nodes.values() if node.site == site]
        (found,) = coverage(states, self._settings)["sites"]
        share = found["share"]
        values = {"share": share, "covered_km2": found["covered_km2"], "best_km2": found["best_km2"]}
        self._samples.append(
            NodeSample(site=site, node=WHOLE_SITE, utc_ns=now_ns, kind="coverage", values=values)
        )
        if share is None:
            return []
        limit = self._settings.coverage_alarm_share
        stands = any(item.kind == "coverage" and item.site == site for item in self._standing.now())
        low = share < limit + (0.1 if stands else 0.0)
        return self._standing.change(
            FleetAlarm(
                kind="coverage",
                site=site,
                node=None,
                raised=low,
                utc_ns=now_ns,
                values=values,
                text=f"covers {found['covered_km2']:.2f} of {found['best_km2']:.2f} km² ({share:.0%})",
            )
        )


def _severity(fault: Fault | None) -> float:
    return 0.0 if fault is None else fault.severity


def _position(body: object) -> Position | None:
    """The place in a status message; None where there is none that can be one."""
    if not isinstance(body, Mapping):
        return None
    values = [body.get(name) for name in ("lat_deg", "lon_deg", "height_m", "sigma_m")]
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        return None
    lat_deg, lon_deg, height_m, sigma_m = (float(value) for value in values if value is not None)
    if abs(lat_deg) > 90.0 or abs(lon_deg) > 180.0:
        return None
    return Position(lat_deg=lat_deg, lon_deg=lon_deg, height_m=height_m, sigma_m=sigma_m)

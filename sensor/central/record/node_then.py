"""How a node was at one moment of the past, from its own messages as the record keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensor.central.store import NodeSample, Store

_S = 10**9
_BACK_S = 86_400.0
"""How far back its last sign of life is looked for."""
_AHEAD_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeThen:
    """What the record says of that moment."""

    working: bool | None
    """None: the record does not say."""
    why: str
    """In words."""
    clock_source: str | None = None
    clock_sigma_ms: float | None = None
    noise_db_spl: float | None = None
    """None: not calibrated, or not known."""
    problems: tuple[str, ...] = ()
    """What it complained of itself."""
    refused: Mapping[str, int] | None = None
    """Impulses that it refused between the health messages before and after that moment, by reason; None:
    the record does not say."""
    refused_over_s: float | None = None
    """How far apart these two messages are."""


def node_then(store: Store, site: str, node: str, at_ns: int, *, up_s: float, from_ns: int) -> NodeThen:
    """Ask the record.

    Args:
        store: the record.
        site: of the node.
        node: its name.
        at_ns: the moment, UTC.
        up_s: for so long a health message stands.
        from_ns: what is older is not kept.

    Raises:
        StoreError: the record cannot be read.
    """
    if at_ns < from_ns:
        return NodeThen(working=None, why="its history of that time is not kept any more")
    samples = [
        sample
        for sample in store.node_samples(
            site=site,
            node=node,
            since_ns=at_ns - round(_BACK_S * _S),
            until_ns=at_ns + round(_AHEAD_S * _S),
            limit=100_000,
        )
        if sample.kind in ("health", "status")
    ]
    before = [sample for sample in samples if sample.utc_ns <= at_ns]
    after = [sample for sample in samples if sample.utc_ns > at_ns]
    working, why = _working(before, after, at_ns, up_s)
    healths = [sample for sample in before if sample.kind == "health"]
    if not healths:
        return NodeThen(working=working, why=why)
    refused, over_s = _refused(healths[-1], after)
    return _with_health(healths[-1], working, why, refused, over_s)


def _with_health(
    health: NodeSample,
    working: bool | None,  # noqa: FBT001  three values, handed on
    why: str,
    refused: Mapping[str, int] | None,
    over_s: float | None,
) -> NodeThen:
    values = health.values
    sigma_ns, source, problems = (values.get(name) for name in ("clock_sigma_ns", "clock_source", "problems"))
    return NodeThen(
        working=working,
        why=why,
        clock_source=source if isinstance(source, str) else None,
        clock_sigma_ms=None if (sigma := _number(sigma_ns)) is None else sigma / 1e6,
        noise_db_spl=_number(values.get("noise_db_spl")),
        problems=tuple(map(str, problems)) if isinstance(problems, list | tuple) else (),
        refused=refused,
        refused_over_s=over_s,
    )


def _working(
    before: Sequence[NodeSample], after: Sequence[NodeSample], at_ns: int, up_s: float
) -> tuple[bool | None, str]:
    """Whether it worked, and how that is known."""
    if not before:
        if after:
            return False, "said nothing for a day before, and was heard again only afterwards"
        return False, "said nothing for a day before"
    last = before[-1]
    age_s = (at_ns - last.utc_ns) / _S
    if last.kind == "status" and not last.values.get("online"):
        if last.values.get("reason") == "stopped":
            return False, f"had been stopped on purpose {_ago(age_s)} before"
        return False, f"had lost its connection {_ago(age_s)} before"
    if age_s > up_s:
        return False, f"had said nothing for {_ago(age_s)}"
    return True, f"said that it worked {_ago(age_s)} before"


def _refused(last: NodeSample, after: Sequence[NodeSample]) -> tuple[Mapping[str, int] | None, float | None]:
    """Counters of the health message after less those of the one before, if it is the same run."""
    following = next((sample for sample in after if sample.kind == "health"), None)
    if following is None:
        return None, None
    first, second = last.values.get("rejects"), following.values.get("rejects")
    ages = _number(last.values.get("uptime_s")), _number(following.values.get("uptime_s"))
    if not isinstance(first, Mapping) or not isinstance(second, Mapping) or None in ages:
        return None, None
    if (ages[1] or 0.0) <= (ages[0] or 0.0):  # it began anew in between
        return None, None
    found = {str(name): int(second[name]) - int(first.get(name, 0)) for name in second}
    counted = {name: count for name, count in sorted(found.items()) if count > 0}
    return counted, (following.utc_ns - last.utc_ns) / _S


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _ago(seconds: float) -> str:
    if seconds < 120.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 7200.0 else f"{seconds / 3600.0:.1f} h"

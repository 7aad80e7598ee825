"""What was heard, as the plain arrays the solver works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor.central.locate.failure import Unlocatable, Why

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Heard:
    """Arrivals of all rounds in one line; N arrivals, M nodes, K rounds."""

    times_s: Floats
    """(N,) seconds after ``base_s``."""
    positions_m: Floats
    """(N, 3) east, north, up."""
    sigmas_s: Floats
    """(N,) of pick and clock: independent from round to round."""
    shared_s: Floats
    """(N,) of what one node's rounds have in common beside the path: where the node really is."""
    round_of: Ints
    """(N,) index of the round."""
    node_of: Ints
    """(N,) index of the node."""
    heard_by_node: Floats
    """(N,) how many rounds the arrival's node heard."""
    base_s: float
    rounds: int
    nodes: int

    @property
    def member(self) -> Floats:
        """(K, N) one where the arrival belongs to the round."""
        return (np.arange(self.rounds)[:, None] == self.round_of[None, :]).astype(np.float64)


def gather(
    times_s: Sequence[Floats],
    positions_m: Sequence[Floats],
    sigmas_s: Sequence[Floats],
    *,
    shared_s: Sequence[Floats] | None = None,
    nodes: Sequence[Ints] | None = None,
) -> Heard:
    """Join the rounds; nodes are told apart by ``nodes`` or, without it, by their place.

    Raises:
        Unlocatable: nothing was heard, a figure is not finite, or a sigma is not positive.
    """
    if not len(times_s) or not all(len(volley) for volley in times_s):
        raise Unlocatable("a round without arrivals cannot be located; leave it out", Why.TOO_FEW)
    lengths = [len(volley) for volley in times_s]
    time = np.concatenate([np.asarray(volley, dtype=np.float64) for volley in times_s])
    place = np.concatenate([np.asarray(volley, dtype=np.float64).reshape(-1, 3) for volley in positions_m])
    sigma = np.concatenate([np.asarray(volley, dtype=np.float64) for volley in sigmas_s])
    shared = np.zeros_like(time) if shared_s is None else np.concatenate([np.asarray(v) for v in shared_s])
    _check(time, place, sigma, shared)
    if nodes is None:
        _, node_of = np.unique(np.round(place, 2), axis=0, return_inverse=True)
    else:
        _, node_of = np.unique(np.concatenate([np.asarray(volley) for volley in nodes]), return_inverse=True)
    node_of = node_of.reshape(-1).astype(np.int64)
    count = np.bincount(node_of)
    base_s = float(np.median(time))
    return Heard(
        times_s=time - base_s,
        positions_m=place,
        sigmas_s=sigma,
        shared_s=shared,
        round_of=np.repeat(np.arange(len(lengths)), lengths),
        node_of=node_of,
        heard_by_node=count[node_of].astype(np.float64),
        base_s=base_s,
        rounds=len(lengths),
        nodes=len(count),
    )


def _check(time: Floats, place: Floats, sigma: Floats, shared: Floats) -> None:
    if not len(time) == len(place) == len(sigma) == len(shared):
        raise Unlocatable(
            f"{len(time)} times, {len(place)} positions and {len(sigma)} sigmas: "
            "one of each per arrival is needed",
            Why.BAD_INPUT,
        )
    for what, values in (("time", time), ("position", place), ("sigma", sigma), ("position sigma", shared)):
        if not np.isfinite(values).all():
            raise Unlocatable(f"the {what} of an arrival is not a finite number", Why.BAD_INPUT)
    if (sigma <= 0.0).any():
        raise Unlocatable(
            f"an arrival claims a sigma of {sigma.min():g} s; no clock is that good: it must be above 0",
            Why.BAD_INPUT,
        )

"""A burst that does not end is cut where it is quietest, so that work and memory stay bounded."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


def cuts_of(times_ns: Sequence[int], slot_ns: int) -> list[int]:
    """Times at which a burst is cut, ascending; ``times_ns`` are its arrivals, ascending.

    One cut near each multiple of ``slot_ns`` within the burst, in the middle of the longest silence within a
    quarter of a slot of it. So a cut depends only on the arrivals round it. A burst shorter than one and a
    half slots is not cut.
    """
    if not times_ns or times_ns[-1] - times_ns[0] <= slot_ns * 3 // 2:
        return []
    cuts = []
    quarter = slot_ns // 4
    for multiple in range(times_ns[0] // slot_ns + 1, times_ns[-1] // slot_ns + 1):
        middle = multiple * slot_ns
        low = bisect_left(times_ns, middle - quarter)
        high = bisect_left(times_ns, middle + quarter)
        near = [middle - quarter, *times_ns[low:high], middle + quarter]
        longest = max(range(len(near) - 1), key=lambda i: (near[i + 1] - near[i], -i))
        cuts.append((near[longest] + near[longest + 1]) // 2)
    return cuts

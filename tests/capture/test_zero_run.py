from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.capture.source import ZeroRun


@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.5]), min_size=2, max_size=2), max_size=60), st.data()
)
@settings(deadline=None)
def test_the_run_is_that_of_the_quietest_channel_whatever_the_blocks(
    frames: list[list[float]], data: st.DataObject
) -> None:
    samples = np.array(frames, dtype=np.float32).reshape(-1, 2).T
    expected = 0
    for row in samples:
        run = next((back for back, value in enumerate(row[::-1]) if value), len(row))
        expected = max(expected, run)
    zeros, first = ZeroRun(2), 0
    while first < samples.shape[1]:
        end = data.draw(st.integers(first + 1, samples.shape[1]))
        zeros.update(samples[:, first:end])
        first = end
    zeros.update(samples[:, :0])
    assert zeros.longest == expected

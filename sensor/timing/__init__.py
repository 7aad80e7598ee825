"""Stage 4: sample index -> CLOCK_MONOTONIC -> UTC, each with an honest sigma."""

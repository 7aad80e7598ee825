"""Stage 3: what a trigger sounds like. Trigger and its clip -> Verdict."""

"""Practice: cases with a known truth, decided as at the desk, scored, and heard of by nobody else."""

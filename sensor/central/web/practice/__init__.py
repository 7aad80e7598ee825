"""Practice mode: recorded incidents for training, marked as exercise, apart from the record and all receivers."""

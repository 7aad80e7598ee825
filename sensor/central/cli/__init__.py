"""``gunshot-central``: the commands of the central side."""

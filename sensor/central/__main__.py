"""``python -m sensor.central``: the same as ``gunshot-central``."""

from sensor.central.cli.main import main

if __name__ == "__main__":
    main()

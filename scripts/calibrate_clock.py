#!/usr/bin/env python3
"""Measure the constant delay between a sound and its time stamp; --help says how."""

import in_venv

if __name__ == "__main__":
    in_venv.ensure()
    from sensor.calibrate.clock_command import clock_command
    from sensor.calibrate.session import run

    run(clock_command)

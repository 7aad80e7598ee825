#!/usr/bin/env python3
"""Measure the sound pressure level of digital full scale with a sound calibrator; --help says how."""

import in_venv

if __name__ == "__main__":
    in_venv.ensure()
    from sensor.calibrate.level_command import level_command
    from sensor.calibrate.session import run

    run(level_command)

#!/usr/bin/env python3
"""Average GPS fixes into the position of the microphone; --help says how."""

import in_venv

if __name__ == "__main__":
    in_venv.ensure()
    from sensor.calibrate.position_command import position_command
    from sensor.calibrate.session import run

    run(position_command)

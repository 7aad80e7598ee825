#!/usr/bin/env python3
"""Survey the noise of a site; --help says how."""

import in_venv

if __name__ == "__main__":
    in_venv.ensure()
    from sensor.calibrate.noise_command import noise_command
    from sensor.calibrate.session import run

    run(noise_command)

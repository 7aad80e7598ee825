"""The testers' bench: recordings through the same pipeline as the microphone, compared with what is known.

``recordings`` finds the files, ``manifest`` says when and where each was made, ``runner`` puts them
through ``sensor.pipeline`` (as many processes as wanted, the same output), ``lines`` prints,
``publishing`` sends. ``labels``, ``scoring`` and ``report`` compare with listed onsets.
"""

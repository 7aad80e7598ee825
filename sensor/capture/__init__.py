"""Stage 1: samples from a microphone or a file, with absolute indices, times and counted losses.

``source`` is what the other stages see; ``portaudio`` and ``audiofile`` implement it. The folder
reads in the order of the signal: ``devices`` (which microphone), ``portaudio`` (its stream),
``ring`` (out of the callback), ``adctime`` (when), ``continuity`` (what was lost).
"""

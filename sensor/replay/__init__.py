"""The testers' bench: recordings through the same pipeline as the microphone, compared with what is known.

``recordings`` finds the files, ``manifest`` says when and where each was made, ``runner`` puts them
through ``sensor.pipeline`` (as many processes as wanted, the same output), ``lines`` prints, ``progress``
shows how far it is, ``publishing`` sends. ``labels`` reads listed onsets, ``scoring`` compares with them,
``tables``, ``report`` and ``svg`` tell how well they agree; ``compare`` finds what two replays differ in.
``explain`` says why, with ``gates`` for what each stage measured, ``influence`` and ``feature_words`` for the
classifier's part, ``explain_text`` and ``explain_picture`` for people. ``counting`` has numbers in words.
"""

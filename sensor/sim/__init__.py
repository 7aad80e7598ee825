"""A town with sensors and its ground truth: sources, propagation, streets, microphones.

Sound is a pressure in pascal until the microphone turns it into samples of full scale. The order of
the files follows the sound: ``blasts`` and ``impacts`` (what happens), ``sources`` (the table of them),
``air`` and ``propagate`` (the way), ``reverberation`` (the street's answer), ``background`` (what else is
heard), ``microphone`` (pascal to samples), ``scene`` (the YAML file), ``render`` (WAV and truth).
Everything is deterministic by the scene's seed. Used by tests, training and testers; never by the daemon.
"""

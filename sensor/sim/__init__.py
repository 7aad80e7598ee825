"""A town with sensors and its ground truth: sources, propagation, streets, microphones.

Sound is a pressure in pascal until the microphone turns it into samples of full scale. The order of
the files follows the sound: ``blasts`` and ``impacts`` (what happens), ``sources`` (the table of them),
``air`` and ``propagate`` (the way), ``reverberation`` (the street's answer), ``arrivals`` (what reaches whom
when), ``background`` (what else is heard), ``microphone`` (pascal to samples), ``scene`` (the YAML file),
``render`` (WAV and truth). ``spectra`` has the filters that they share, ``day`` draws hours without shots,
``likeness`` compares with recorded shots, ``timestamps`` plays sound cards for the tests of the clock.
Everything is deterministic by the scene's seed. Used by tests, training and testers; never by the daemon.
"""

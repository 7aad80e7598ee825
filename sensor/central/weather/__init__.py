"""What carries the sound: temperature and wind from a person, a METAR report or the broker."""

"""The web side: map, review desk, history and practice, served to browsers of the control room."""

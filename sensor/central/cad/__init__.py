"""What dispatch centres read and answer: NENA EIDO, OASIS CAP 1.2, GeoJSON, dispositions coming back."""

"""From the broker into the record: what nodes say is judged, stored, and only then acknowledged."""

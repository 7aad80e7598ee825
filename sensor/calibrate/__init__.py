"""Arithmetic and guidance behind ``scripts/calibrate_*``: level, noise, clock and position of a node.

``record`` is what the daemon reads of it; it needs the standard library alone. Everything else is
loaded only by the technician's scripts.
"""

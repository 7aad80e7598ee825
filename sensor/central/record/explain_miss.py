"""Why a shooting was not reported: for each node whether it lived, could hear it, and what it did hear.

Expected levels and the chance of hearing are those of the coverage map (`sensor.central.fleet.coverage`):
the free-field peak of a 9 mm pistol beside its line of fire, less what buildings take, against the node's noise
floor and what the detector needs. They are a model; what the node said at the time is a fact. Both are told.
"""

from __future__ import annotations



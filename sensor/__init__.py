"""Open acoustic gunshot sensor: from a rooftop microphone to time-stamped candidates on MQTT.

The signal path is the folder listing, in this order::

    capture/   1  PortAudio, a file or the simulator -> Block
    detect/    2  Block -> Trigger (onset of an impulse)
    classify/  3  Trigger and its clip -> Verdict (what it sounds like)
    timing/    4  sample index -> Timestamp (UTC and its sigma)
    uplink/    6  Candidate -> outbox -> broker

``pipeline`` joins stages 2 to 4, ``daemon`` runs them, ``events`` is the wire contract.
"""

__version__ = "0.1.0"

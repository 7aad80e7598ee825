"""Stage 6: a candidate is stored first, then forwarded to the broker until it is acknowledged.

``outbox`` numbers and stores on the dsp thread, ``mqtt`` forwards on the uplink thread, ``commands``
answers the few verbs that a node knows. The wire itself is described in ``sensor/schemas``.
"""

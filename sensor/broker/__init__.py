"""The connection to an MQTT 5 broker, as node and centre both have it.

``settings`` say where the broker is and as whom to come, ``credentials`` reads the files that prove it,
``connection`` is the only file that imports paho, ``reasons`` puts what went wrong into words, and
``backoff`` says how long to wait before trying again.
"""

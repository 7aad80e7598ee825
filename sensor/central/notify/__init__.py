"""Incidents to whoever is to be told: MQTT, webhook, e-mail, push, Home Assistant, dispatch centre."""

"""Incidents: what fusion says becomes versions with author, reason, hash and signature."""

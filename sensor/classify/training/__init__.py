"""Training of the classifier: tooling, never imported by the daemon."""

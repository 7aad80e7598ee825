"""Which arrivals belong together: from candidates of many nodes to places that fired, and their rounds."""

"""What the nodes say about each other and about the fleet."""

"""Training of all exits together."""

"""What the search lab does, without widgets."""

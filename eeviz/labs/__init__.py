"""What the labs do, without widgets: usable from Python."""

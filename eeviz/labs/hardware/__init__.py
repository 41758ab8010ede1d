"""What the hardware lab does, without widgets."""

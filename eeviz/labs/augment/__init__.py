"""What the augment lab does, without widgets."""

"""Charts of the augment lab."""

"""The augment lab: from a trained classifier to an early-exit network on processors."""

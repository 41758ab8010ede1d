"""Search for early-exit networks: backbones, exits, branches and thresholds together. No widgets, no threads."""

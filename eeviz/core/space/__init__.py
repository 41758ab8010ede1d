"""Search spaces: genes, architectures, presets."""

"""Installing, starting and serving."""

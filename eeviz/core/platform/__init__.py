"""Processors and links, what segments cost on them, and where to place them."""

"""Supernets: one set of weights for every architecture of a space."""

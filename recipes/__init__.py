"""Makers of the artefacts that ship; in the checkout, not in the wheel."""

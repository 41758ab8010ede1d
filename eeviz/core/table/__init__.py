"""The table of what each exit would answer, and what follows from it at once: costs, routing, metrics, calibration."""

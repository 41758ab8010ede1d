"""Charts of the hardware lab."""

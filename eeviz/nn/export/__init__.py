"""Networks as files that run without eeviz."""

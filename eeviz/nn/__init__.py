"""Networks, training and counting: the only part of eeviz that imports torch."""

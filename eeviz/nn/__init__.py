"""Networks, training, counting: the only place that imports torch."""

"""A network as values: layers, plans, steps, workloads, bits."""

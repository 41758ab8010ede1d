"""The hardware lab: what an early-exit network costs on modelled accelerators, layer by layer, at given bits."""

"""The search lab: start a search, watch it, open what it finds. Its state is the only thing its parts share."""

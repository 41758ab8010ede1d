"""Charts: figures, colours, marks."""

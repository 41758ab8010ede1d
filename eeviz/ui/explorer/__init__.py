"""The explorer: one network's table under the user's hand."""

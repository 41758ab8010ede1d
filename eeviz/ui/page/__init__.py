"""The page around the widgets: address, uploads, errors in words."""

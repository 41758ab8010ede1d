"""What the labs share on the page."""

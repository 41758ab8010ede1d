"""The charts of the explorer. A view is two pure functions of the app: `draw` a plotly figure, `describe` it in words."""

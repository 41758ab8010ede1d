"""The charts of the search lab, each two functions of the lab: draw a plotly figure, describe it in words."""

"""The only ipywidgets, plotly and anywidget: state, style, views and the apps."""

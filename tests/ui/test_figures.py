"""Figures: one plotly for all, complete from the start, current whenever asked."""

import gzip
import importlib.util

import numpy as np
import plotly.graph_objects as go
import pytest
from ipywidgets import Widget

from eeviz.ui.charts import figures
from eeviz.ui.charts.figures import BUNDLE, Figure, carrier, dress, figure, template
from eeviz.ui.charts.theme import exit_colors


@pytest.fixture
def fig():
    return figure([go.Scatter(x=[1, 2], y=[3.0, 4.0])], {"title": {"text": "first"}, "height": 260})


def test_figures_carry_no_plotly(fig):
    assert len(fig._esm) < 10_000
    assert figures.plotly.__version__ in fig._esm
    assert "@VERSION@" not in fig._esm


def test_the_carrier_is_one_and_holds_the_bundle():
    assert carrier() is carrier()
    assert gzip.decompress(carrier().bundle) == BUNDLE.read_bytes()
    assert len(carrier().bundle) < 2_000_000


def test_a_closed_carrier_is_replaced():
    old = carrier()
    old.close()
    assert carrier() is not old
    assert carrier() is carrier()


def test_complete_from_the_start(fig):
    assert isinstance(fig, go.FigureWidget)
    assert fig._widget_layout["height"] == 260
    assert fig._widget_layout["template"]["layout"]["colorway"] == list(exit_colors(4, "light"))
    assert fig._config["displaylogo"] is False
    assert fig._config["showSendToCloud"] is False  # plotly 7 offers to upload charts unless told otherwise
    assert fig._config["plotlyServerURL"] == ""


def test_whoever_asks_gets_the_figure_of_today(fig):
    with fig.batch_update():
        fig.layout.title.text = "second"
        fig.data[0].y = np.array([5.0, 6.0], dtype=np.float32)
    state = fig.get_state()
    assert state["_widget_layout"]["title"]["text"] == "second"
    assert np.frombuffer(state["_widget_data"][0]["y"]["buffer"], np.float32).tolist() == [5.0, 6.0]
    assert fig.get_state(key="_widget_layout")["_widget_layout"]["title"]["text"] == "first"
    fig.refresh()
    assert fig._widget_layout["title"]["text"] == "second"


def test_state_of_every_widget_can_be_taken(fig):
    assert fig.model_id in Widget.get_manager_state()["state"]


def test_dress_changes_the_look_and_nothing_else(fig):
    dress(fig, "dark", projector=True)
    assert fig.layout.template.layout.font.size > template("light").layout.font.size
    assert fig.layout.title.text == "first"
    assert list(fig.layout.template.layout.colorway) == list(exit_colors(4, "dark"))


def test_unknown_theme_is_refused():
    with pytest.raises(ValueError, match="light"):
        template("pink")


def test_without_the_bundle_the_stock_figure_stays(monkeypatch, tmp_path):
    monkeypatch.setattr(figures.plotly, "__file__", str(tmp_path / "__init__.py"))
    spec = importlib.util.spec_from_file_location("eeviz.ui.charts.figures_elsewhere", figures.__file__)
    stock = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stock)
    made = stock.figure([go.Scatter(y=[1])])
    assert len(made._esm) > 1_000_000
    assert not stock._carriers


def test_repr_is_short(fig):
    assert repr(fig) == "Figure(1 traces)"
    assert isinstance(fig, Figure)

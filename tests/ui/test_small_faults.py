"""Faults a newcomer met, each by its mechanism."""

import numpy as np
import pytest
from tables import random_records

from eeviz.catalogue import load_demo
from eeviz.core.table import format
from eeviz.core.table.policy import Policy
from eeviz.ui.charts.figures import figure
from eeviz.ui.charts.traces import Drawing, amounts, scatter
from eeviz.ui.charts.view import Chart, View
from eeviz.ui.explorer import explorer as explorer_module
from eeviz.ui.explorer import report
from eeviz.ui.explorer.app import ExplorerApp
from eeviz.ui.explorer.opening import demo_parts
from eeviz.ui.explorer.state import ExplorerState
from eeviz.ui.explorer.views import confidence, tradeoff


@pytest.fixture
def app():
    demo = load_demo("fashion")
    state = ExplorerState(demo.validation, report_source=demo.test, static=demo.static, shifted_source=demo.shifted)
    return ExplorerApp(state, name="fashion", inline=True)


def shown(view):
    layout = view.figure.layout
    return len(layout.shapes), [shape.x0 for shape in layout.shapes], [note.text for note in layout.annotations]


@pytest.mark.parametrize("counts", [(2, 5), (5, 2), (3, 0, 3), (1, 4, 2)])
def test_a_chart_takes_any_number_of_shapes_and_labels(app, counts):
    """Another model has other locations: each chart then holds its own shapes, no more and no others."""
    many = [counts[0]]

    def draw(_):
        shapes = [{"type": "line", "x0": 10 * k + many[0], "x1": 1, "y0": 0, "y1": 1} for k in range(many[0])]
        notes = [{"x": k, "y": 0, "text": f"{k} of {many[0]}"} for k in range(many[0])]
        return Drawing([scatter(x=[1], y=[1])], {"shapes": shapes, "annotations": notes, "height": 300})

    view = View(app, Chart("locations", draw, lambda _: ""))
    view.show()
    for count in counts[1:]:
        many[0] = count
        view.changed()
        expected = count, [10 * k + count for k in range(count)], [f"{k} of {count}" for k in range(count)]
        assert shown(view) == expected


def test_a_property_that_a_chart_no_longer_sets_goes(app):
    layouts = [{"height": 300, "title": {"text": "one"}}, {"height": 300}]
    view = View(app, Chart("titled", lambda _: Drawing([scatter(x=[1], y=[1])], layouts[0]), lambda _: ""))
    view.show()
    assert view.figure.layout.title.text == "one"
    layouts.pop(0)
    view.changed()
    assert view.figure.layout.title.text is None


def test_amounts_have_their_prefix_before_the_unit():
    assert amounts([0.211, 3.99e6], "J") == ["211 mJ", "3.99 MJ"]
    assert amounts(np.array([3.99e6]), "MACs", ["here"]) == ["3.99 M MACs<br>here"]


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.42, "42.0 % saved"), (-1.007, "100.7 % more"), (-0.0001, "0.0 % saved"), (0.0, "0.0 % saved")],
)
def test_what_costs_more_is_not_said_to_be_saved(share, words):
    assert format.saved(share) == words


def test_a_setting_just_pinned_is_not_compared_with_itself(app):
    app.state.pin("B")
    told = report.comparison(app)
    assert "Now is the setting pinned as B." in told
    assert "Now minus" not in told
    app.state.set_policy(Policy((0.5, None, 0.7)))
    assert "Now minus B" in report.comparison(app)


def test_a_report_that_was_opened_is_known_at_once():
    app = ExplorerApp(ExplorerState(random_records(0)), inline=True)
    assert "have no report split" in app.report_html.value
    assert app.report_button.disabled
    app.state.report_source = random_records(1)
    assert "have no report split" not in app.report_html.value
    assert not app.report_button.disabled


def test_shifted_inputs_are_always_on_the_chart(app):
    app.state.look()
    low, high = tradeoff.draw(app).layout["yaxis"]["range"]
    (trace,) = [trace for trace in tradeoff.draw(app).data if trace["name"] == "shifted inputs"]
    assert len(trace["y"]) == len(app.state.shifted) > 0
    assert all(low <= y <= high for y in trace["y"])
    assert min(100 * point.accuracy for point in app.shifted_points) < low  # the case in question
    for y, label, point in zip(trace["y"], trace["text"], app.shifted_points, strict=True):
        if y != pytest.approx(100 * point.accuracy):
            assert format.percent(point.accuracy) in label


def test_confidence_histograms_show_more_than_their_last_bar(app):
    """Bars that are at least a fiftieth of the panel's height: on a plain axis one in four at most."""
    drawn = confidence.draw(app)
    low, high = drawn.layout.yaxis.range
    for k in range(app.state.records.exits_count):
        axis = "x" if k == 0 else f"x{k + 1}"
        bars = [trace for trace in drawn.data if (trace.xaxis or "x") == axis]
        heights = np.concatenate([np.asarray(trace.y, float) for trace in bars])
        reach = app.state.routing.exit_of >= k
        assert heights.sum() == pytest.approx(100 if reach.any() else 0)  # of each exit's own samples
        seen = heights[heights > 0]
        visible = (np.log10(seen) - low) / (high - low) > 0.02
        assert visible.mean() > 0.9


def test_other_demos_can_be_chosen_and_come_back_after_an_upload(app, tmp_path):
    app.opening.demo.value = "speech"
    assert app.state.source is not None and app.name == "speech"
    assert len(app.state.records) == len(load_demo("speech").validation)
    assert app.foot.code_line.text.startswith("ee.explore('speech'")
    assert "demo=speech" in app.link.url
    mine = random_records(0)
    mine.save(tmp_path / "mine.npz")
    app.opening.from_path(str(tmp_path / "mine.npz"))
    assert app.opening.demo.value == ""
    assert "demo=" not in app.link.url
    app.opening.demo.value = "fashion"
    assert len(app.state.records) == 6000
    assert app.state.static and app.state.shifted and app.state.report_records is not None
    assert "demo=" not in app.link.url  # the notebook's own


def test_an_address_brings_another_demo_back(monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "demo=speech")
    explorer = explorer_module.explore("fashion", policy=Policy((0.5, 0.5, 0.5)))
    assert len(explorer.records) == len(load_demo("speech").validation)
    monkeypatch.setenv("QUERY_STRING", "demo=nothing")
    explorer = explorer_module.explore("fashion")
    assert len(explorer.records) == 6000
    assert "no demo 'nothing'" in explorer._app.status.message


def test_lock_leaves_the_controls_visible_but_fixed():
    demo = load_demo("fashion")
    state = ExplorerState(demo.validation, **{f"{k}_source" if k != "static" else k: v for k, v in demo_parts(demo).items()})
    app = ExplorerApp(state, name="fashion", hide=("lock",), inline=True)
    before = state.setting
    fields = [app.tuning.budget, app.tuning.budget_button, app.tuning.drop_button, app.tuning.preset_button]
    assert all(field.disabled for field in fields)
    state.pin("A")  # what would free a button
    buttons = [w for w in _all(app.box) if type(w).__name__ == "Button" and w.description in ("Undo", "Go to A", "Reset")]
    assert buttons and all(button.disabled for button in buttons)
    app.chart.chart.click(app, tradeoff.FRONT, 0)
    assert state.setting == before
    assert "lock" in app.router.hidden
    assert not app.report_button.disabled  # reading moves nothing


def _all(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _all(child)


def test_figures_are_made_with_what_is_allowed():
    assert figure([], {"height": 100})._config["showSendToCloud"] is False

"""The explorer without a kernel: parts in step with one state, errors in words, nothing lost."""

import csv
import io
import json

import numpy as np
import pytest
from tables import random_records, with_logits

import eeviz as ee
from eeviz.core.table.cost import Cost
from eeviz.core.table.format import precisely, quantity
from eeviz.core.table.policy import Policy, route
from eeviz.core.table.records import ExitRecords
from eeviz.ui.explorer.app import ExplorerApp
from eeviz.ui.explorer.explorer import explore
from eeviz.ui.explorer.state import ExplorerState


@pytest.fixture
def app():
    state = ExplorerState(with_logits(0, 400), report_source=with_logits(1, 400, split="test"))
    return ExplorerApp(state, inline=True)


def test_the_router_moves_the_policy_and_everything_follows(app):
    app.router.thresholds = [0.5, None]
    assert app.state.policy == Policy((0.5, None))
    assert app.chart.figure.data[-1].x[0] == app.state.routing.mean_cost
    assert "removed" in app.table.value
    assert "t=0.5%2Coff" in app.url_line.text or "t=0.5,off" in app.url_line.text
    assert "0.5, None" in app.code_line.text


def test_python_moves_the_router(app):
    app.state.set_policy(Policy((0.25, 0.75)))
    assert app.router.thresholds == [0.25, 0.75]
    app.state.undo()
    assert tuple(app.router.thresholds) == app.state.policy.thresholds


def test_tuning_under_a_budget_keeps_the_budget(app):
    app.tuning.budget.value = 3.0
    app.tuning.under_budget()
    assert app.state.routing.mean_cost <= 3.0
    assert "optimistic" in app.status.message


def test_a_budget_that_cannot_be_met_says_the_best_reachable_and_changes_nothing(app):
    before = app.state.policy
    app.tuning.budget.value = 0.01
    app.tuning.budget_button.click()
    assert app.status.level == "error"
    assert "2" in app.status.message
    assert app.state.policy == before


@pytest.fixture(scope="module")
def fashion():
    demo = ee.load_demo("fashion")
    return ExplorerApp(ExplorerState(demo.validation), inline=True)


@pytest.mark.parametrize("which", ["mean_cost", "worst_cost"])
def test_a_budget_equal_to_a_shown_cost_accepts_what_was_shown(fashion, which):
    app, records = fashion, fashion.state.records
    app.tuning.which.value = {"mean_cost": "max_cost", "worst_cost": "max_worst"}[which]
    best = ee.front(records, refine=True)
    assert app.tuning.unit.value == "M MACs"
    for i in range(0, len(best), 9):
        shown = quantity(getattr(best, which)[i])
        number, words = shown.split(" ", 1)
        app.tuning.budget.value = round(float(number) * {"M MACs": 1, "k MACs": 1e-3}[words], 9)
        app.tuning.under_budget()
        routing = app.state.routing
        assert routing.accuracy >= best.accuracy[i]
        assert getattr(routing, which) <= getattr(best, which)[i] or quantity(getattr(routing, which)) == shown


def test_at_most_five_million_in_the_worst_case_is_found_on_the_demo(fashion):
    app, records = fashion, fashion.state.records
    app.tuning.which.value = "max_worst"
    app.tuning.budget.value = 5.0
    app.tuning.budget_button.click()
    assert app.status.level == "info", app.status.message
    assert app.state.routing.worst_cost <= 5e6
    assert app.state.routing.accuracy > 0.934
    app.tuning.budget.value = 4.07  # two exits, of which everyone is out at the second
    app.tuning.budget_button.click()
    routing = app.state.routing
    assert quantity(routing.worst_cost) == "4.07 M MACs"
    assert routing.accuracy == pytest.approx(0.934, abs=5e-4)
    assert routing.count[-1] == 0
    assert "worst case 4.07 M MACs" in app.status.message
    app.tuning.budget.value = 0.5
    app.tuning.budget_button.click()
    least = min(records.cost().at(np.arange(3) == k)[k] for k in range(3))
    assert f"at most 500 k MACs: the lowest is {precisely(least)}, everyone leaving at" in app.status.message


def test_a_budget_is_asked_as_it_was_typed(fashion):
    app, records = fashion, fashion.state.records
    app.tuning.which.value = "max_cost"
    app.tuning.budget.value = 1.7384  # more digits than are shown
    app.tuning.under_budget()
    assert app.state.routing.mean_cost <= 1738400
    assert app.state.policy == ee.tune(records, max_cost=1738400)
    app.tuning.budget.value = 0.11
    app.tuning.budget_button.click()
    assert "no policy costs at most 110 k MACs on average" in app.status.message


def test_the_worst_case_can_be_bounded(app):
    app.tuning.which.value = "max_worst"
    app.tuning.budget.value = 4.0
    app.tuning.under_budget()
    assert app.state.routing.worst_cost <= 4.0


def test_tuning_within_a_drop(app):
    app.tuning.drop.value = 2.0
    app.tuning.within_drop()
    assert app.state.routing.accuracy >= app.state.records.correct[:, -1].mean() - 0.02


@pytest.mark.parametrize("name", ["first", "last"])
def test_baselines_are_presets(app, name):
    app.tuning.preset.value = app.tuning.preset.options[0 if name == "first" else -1]
    app.tuning.apply_preset()
    assert app.status.level == "info"


def test_a_click_on_the_front_sets_the_thresholds(app):
    app.chart.chart.click(app, 0, 1)
    assert app.state.policy == app.analysis.front.policy(1)


def test_the_report_is_shut_until_asked_for_and_then_paired(app):
    assert "ee-strip" not in app.report_html.value
    app.report_button.click()
    assert "paired" in app.report_html.value
    assert "look 1" in app.report_html.value
    app.router.thresholds = [0.1, 0.1]
    assert "ee-strip" not in app.report_html.value
    assert "1 time" in app.report_html.value


def test_pins_stand_side_by_side_with_the_difference(app):
    app.state.pin("A")
    app.state.set_policy(Policy((0.1, 0.1)))
    assert app.comparison.value.count("<tr>") == 3
    assert "interval" in app.comparison.value


def test_the_table_is_exported(app):
    sent = []
    app.page.send = lambda message, buffers=None: sent.append((message, buffers))
    app._download()
    rows = list(csv.DictReader(io.StringIO(sent[0][1][0].decode())))
    assert [row["exit"] for row in rows] == list(app.state.records.exits)
    assert sum(int(row["samples"]) for row in rows) == len(app.state.records)


@pytest.mark.parametrize("tab", range(1, 7))
def test_every_tab_draws_and_says_what_it_shows(app, tab):
    app.tabs.selected_index = tab
    if tab < 6:
        view = app.tabs_views[tab - 1]
        assert len(view.figure.data) > 0
        assert len(view.sentence.value) > 40
        app.state.set_policy(Policy((None, 0.5)))
        assert "NaN" not in view.sentence.value
        assert "nan" not in view.sentence.value
    assert app.status.level != "error"


def test_hidden_tabs_wait_with_drawing(app):
    app.tabs.selected_index = 1
    app.tabs.selected_index = 2
    drawn = json.dumps(app.tabs_views[0].figure.to_plotly_json()["data"], default=np.ndarray.tolist)
    app.state.set_policy(Policy((0.9, 0.9)))
    assert json.dumps(app.tabs_views[0].figure.to_plotly_json()["data"], default=np.ndarray.tolist) == drawn
    app.tabs.selected_index = 1
    assert json.dumps(app.tabs_views[0].figure.to_plotly_json()["data"], default=np.ndarray.tolist) != drawn


def test_other_records_take_the_whole_page(app):
    app.tabs.selected_index = 2
    other = random_records(3, exits=5)
    app.state.open_records(other)
    assert app.status.level != "error"
    assert len(app.router.thresholds) == 4
    assert len(app.tabs_views[1].figure.data) == 10
    assert app.state.routing.mean_cost == route(other, app.state.policy).mean_cost


def test_a_bad_file_leaves_the_view_standing(app, tmp_path):
    before = app.state.setting
    path = tmp_path / "bad.npz"
    path.write_bytes(b"not a zip")
    with pytest.raises(ValueError, match="not a complete"):
        app.opening.from_path(str(path))
    with pytest.raises(ValueError, match="no such file"):
        app.opening.from_path(str(tmp_path / "none.npz"))
    assert app.state.setting == before


def test_mine_against_yours(app, tmp_path):
    path = tmp_path / "mine.npz"
    with_logits(5, 300).save(path)
    app.opening.role.value = "mine"
    app.opening.from_path(str(path))
    assert app.analysis.mine_front is not None
    assert len(app.chart.figure.data[1].x) == len(app.analysis.mine_front)


def test_class_names_with_markup_stay_text():
    evil = "<img src=x onerror=alert(1)>"
    plain = random_records(0, classes=3)
    records = ExitRecords(
        plain.confidence,
        plain.predicted,
        plain.label,
        plain.costs,
        classes=(evil, "b", "c"),
        exits=(evil, "2", "3", "4"),
    )
    app = ExplorerApp(ExplorerState(records), inline=True)
    for tab in range(1, 7):
        app.tabs.selected_index = tab
    app.report_button.click()
    pages = [app.table.value, app.comparison.value, app.report_html.value, *(v.sentence.value for v in app.tabs_views)]
    assert not any("<img" in page for page in pages)
    figures = json.dumps([v.figure.to_plotly_json() for v in [app.chart, *app.tabs_views]], default=str)
    assert "<img" not in figures


def test_grouped_records_get_their_interval_from_python():
    records = random_records(0, group=np.arange(300) % 10)
    app = ExplorerApp(ExplorerState(records), inline=True)
    assert "groups" in app.router.interval
    app.state.set_policy(Policy((0.1, 0.2, 0.3)))
    assert "groups" in app.router.interval


def test_explore_takes_records_hides_parts_and_keeps_plain_values():
    records = random_records(1)
    explorer = explore(records, hide=["report", "tabs", "lock"], policy=Policy((0.5, None, 0.7)))
    assert explorer.policy == Policy((0.5, None, 0.7))
    assert explorer.routing.accuracy == route(records, explorer.policy).accuracy
    assert "hide=['report', 'tabs', 'lock']" in explorer.code
    explorer.policy = Policy((0.1, 0.1, 0.1))
    explorer.undo()
    assert explorer.policy == Policy((0.5, None, 0.7))
    with pytest.raises(ValueError, match="no part is called 'everything'"):
        explore(records, hide=["everything"])
    with pytest.raises(ValueError, match="one string"):
        explore(records, hide="report")


def test_an_address_that_does_not_fit_is_told_in_the_page(monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "t=0.5,0.5")
    explorer = explore(random_records(1), policy=Policy((0.5, 0.5, 0.5)))
    assert explorer.policy == Policy((0.5, 0.5, 0.5))
    assert "address" in explorer._app.status.message
    monkeypatch.setenv("QUERY_STRING", "t=0.25,off,0.5&projector=1&hide=report&token=secret")
    explorer = explore(random_records(1))
    assert explorer.policy == Policy((0.25, None, 0.5))
    assert explorer.state.projector
    assert "secret" not in explorer.url + explorer.code


def test_the_demo_opens_and_its_code_line_is_complete():
    explorer = ee.explore("fashion")
    again = eval(explorer.code, {"ee": ee})  # noqa: S307
    assert again.policy == explorer.policy
    with pytest.raises(ValueError, match="fashion"):
        ee.explore("no such demo")


def test_a_product_cost_and_several_costs_can_be_chosen():
    from eeviz.core.table.cost import ProductCost

    energy, latency = Cost((1, 2, 3, 4), (0.1,) * 4, "mJ"), Cost((1, 2, 3, 4), (0.1,) * 4, "ms")
    costs = {"energy": energy, "energy x latency": ProductCost(energy, latency)}
    app = ExplorerApp(ExplorerState(random_records(0, costs=costs)), inline=True)
    assert app.state.cost == "energy"
    app.state.set_cost("energy x latency")
    assert app.status.level != "error"
    assert app.state.routing.unit == "mJ·ms"
    app.tuning.under_budget()
    assert app.status.level == "info"


def test_a_burst_of_key_presses_is_one_step_for_undo(app):
    start = app.state.policy
    for k in range(5):
        app.router.thresholds = [0.5 + 0.01 * k, start.thresholds[1]]
    app.router.thresholds = [0.54, 0.5]
    app.state.undo()
    assert app.state.policy == Policy((0.54, start.thresholds[1]))
    app.state.undo()
    assert app.state.policy == start


def test_an_address_with_an_impossible_threshold_is_told_too(monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "t=0.5,7,0.5&hide=everything")
    explorer = explore(random_records(1))
    assert "7.0" in explorer._app.status.message
    monkeypatch.setenv("QUERY_STRING", "hide=everything")
    assert "everything" in explore(random_records(1))._app.status.message


def test_what_looks_wrong_in_a_table_is_told_in_the_page():
    rng = np.random.default_rng(0)
    right = rng.random((400, 2)) < 0.7
    predicted = np.where(right, 0, 1)
    records = ExitRecords(
        np.where(right, 0.2, 0.8) + 0.1 * rng.random((400, 2)), predicted, np.zeros(400, int),
        {"macs": Cost([1, 2], [0, 0])}, exits=("<b>first</b>", "final"),
    )  # fmt: skip
    app = ExplorerApp(ExplorerState(records), inline=True)
    assert "At &lt;b&gt;first&lt;/b&gt; the surest answers are the least right" in app.notes.value
    fine = ExitRecords(1 - records.confidence, predicted, records.label, records.costs)
    app.state.open_records(fine)
    assert app.notes.value == ""

"""Weighted and grouped records through every page: whatever is shown as accuracy counts a right answer by its weight.

The tables are made up so that the final classifier is right on 73.2 % of the samples, and on 42.4 % as they count.
"""

import csv
import dataclasses
import io
import re

import numpy as np
import pytest
from hardware_fakes import network_and_answers, opened
from search_fakes import FakeEvaluator
from tables import PLAIN, WEIGHED, weighted, weights_for

from eeviz.core.solve import tradeoff
from eeviz.core.table import format, metrics
from eeviz.core.table.policy import Policy, route
from eeviz.core.table.records import ExitRecords
from eeviz.ui.explorer.app import ExplorerApp
from eeviz.ui.explorer.gallery import Gallery
from eeviz.ui.explorer.report import exit_rows, to_csv
from eeviz.ui.explorer.state import ExplorerState

FINAL = format.percent(WEIGHED, 2)
WRONG = format.percent(PLAIN, 2)
KINDS = {"both": {}, "weights": {"group": None}}


def average(records, right) -> float:
    """Accuracy by hand."""
    return float(np.average(right, weights=records.weight))


@dataclasses.dataclass(frozen=True)
class Static:
    """A network of the chart, right where the final classifier is."""

    name: str
    macs: float
    given: np.ndarray

    def right(self, split):
        return self.given


def drawn(view) -> dict:
    return {trace.name: trace for trace in view.figure.data if trace.name}


# -- the explorer --------------------------------------------------------------------------------------------------


@pytest.fixture(params=KINDS, scope="module")
def explorer(request):
    records, report = weighted(0, **KINDS[request.param]), weighted(1, split="test", **KINDS[request.param])
    static = (
        Static("static, small", 1e6, records.correct[:, -1]),
        Static("static, large", 2e6, records.correct[:, -1]),
    )
    state = ExplorerState(records, report_source=report, static=static, policy=Policy((None, None)))
    app = ExplorerApp(state, inline=True)
    app.state.look()
    return app


def test_every_mark_of_the_explorers_chart_is_weighted(explorer):
    records = explorer.state.records
    chart = drawn(explorer.chart)
    own = [average(records, records.correct[:, k]) for k in range(3)]
    assert own[-1] == pytest.approx(WEIGHED, abs=1e-6)
    assert np.allclose(chart["one exit alone"].y, 100 * np.array(own))
    assert np.allclose(chart["static networks"].y, [100 * WEIGHED] * 2)
    assert np.allclose(chart["now"].y, 100 * WEIGHED)
    assert np.allclose(chart["oracle"].y, 100 * WEIGHED)  # no other exit is kept
    for name in ("best thresholds (front)", "baselines at 1 pp drop"):
        points = chart[name]
        assert len(points.y)
    front = explorer.analysis.front
    for i in range(0, len(front), 7):
        routing = route(records, front.policy(i))
        assert front.accuracy[i] == pytest.approx(average(records, routing.right))
    assert FINAL in explorer.chart.sentence.value


def test_every_line_of_the_explorers_tables_is_weighted(explorer):
    app, records = explorer, explorer.state.records
    rows = exit_rows(app)
    assert rows[-1]["accuracy_of_those_leaving"] == pytest.approx(WEIGHED, abs=1e-6)
    for k, row in enumerate(rows):
        assert row["accuracy_on_all"] == pytest.approx(average(records, records.correct[:, k]))
        assert row["ece"] == pytest.approx(_ece(records, k))
    assert FINAL in app.table.value
    assert WRONG not in app.table.value
    last = list(csv.DictReader(io.StringIO(to_csv(app))))[-1]
    assert float(last["accuracy_on_all"]) == pytest.approx(WEIGHED, abs=1e-6)
    assert FINAL in app.report_html.value
    assert WRONG not in app.report_html.value
    ends = [float(v) for v in re.findall(r"\d+\.\d", app.router.interval.split("interval")[1])[:2]]
    assert ends[0] < 100 * WEIGHED < ends[1]


def _ece(records, k, bins=15) -> float:
    confidence, total = records.confidence[:, k].astype(float), 0.0
    for b in range(bins):
        inside = np.minimum((confidence * bins).astype(int), bins - 1) == b
        if records.weight[inside].sum():
            gap = np.average(records.correct[inside, k] - confidence[inside], weights=records.weight[inside])
            total += records.weight[inside].sum() / records.weight.sum() * abs(gap)
    return total


def test_pins_and_accuracies_per_exit_are_weighted(explorer):
    app, records = explorer, explorer.state.records
    app.state.set_policy(Policy(tuple(np.quantile(records.confidence[:, :2], 0.7, axis=0))))
    app.state.pin("A")
    routing = route(records, app.state.policy)
    assert format.percent(average(records, routing.right), 2) in app.comparison.value
    for k in range(3):
        here = routing.exit_of == k
        expected = np.average(routing.right[here], weights=records.weight[here])
        assert exit_rows(app)[k]["accuracy_of_those_leaving"] == pytest.approx(expected)
    view = next(view for view in app.tabs_views if view.title == "Accuracy per exit")
    view.show()
    bars = {trace.name: trace for trace in view.figure.data}
    assert np.allclose(bars["on all samples"].y, [100 * average(records, records.correct[:, k]) for k in range(3)])
    app.state.set_policy(Policy((None, None)))


def test_the_gallery_counts_right_answers_by_their_weight():
    records = weighted(thumbnails=np.zeros((500, 4, 4), dtype=np.uint8))
    gallery = Gallery(records, Policy((None, None)))
    assert gallery._rows[-1]["total"] == 500
    assert gallery._rows[-1]["right_share"] == pytest.approx(WEIGHED, abs=1e-6)


def test_static_networks_take_weights_from_the_records():
    records = weighted()
    (point,) = tradeoff.static_curve([Static("one", 1e6, records.correct[:, -1])], records)
    assert point.accuracy == pytest.approx(WEIGHED, abs=1e-6)
    assert tradeoff.static_curve([Static("one", 1e6, records.correct[:10, -1])], records) == ()


# -- the hardware lab ----------------------------------------------------------------------------------------------


@pytest.fixture(params=["both", "weights"], scope="module")
def hardware(request, tmp_path_factory):
    pytest.importorskip("torch")
    from eeviz.ui.hardware.lab import own_network

    network, records, data, calibration = network_and_answers()
    said = records.predicted[:, -1]
    right = np.random.default_rng(0).permutation(np.arange(len(data)) < round(PLAIN * len(data)))
    labels = np.where(right, said, (said + 1) % 10)
    data = dataclasses.replace(data, labels=labels)
    fields = {"weight": weights_for(right), "group": np.arange(len(data)) % 40, **KINDS[request.param]}
    records = ExitRecords.from_logits(
        records.logits,
        labels,
        records.costs,
        position=records.position,
        classes=data.classes,
        split="validation",
        **fields,
    )
    app = opened(own_network(network, records, data, calibration), tmp_path=tmp_path_factory.mktemp("none"))
    before = dict(drawn(app.fronts))["without exits"].y, app.state.fronts
    app.runline.press("measure")
    assert app.status.level != "error", app.status.details
    return app, records, before


def test_the_mark_without_exits_is_weighted(hardware):
    app, records, (mark, fronts) = hardware
    assert np.allclose(mark, 100 * WEIGHED)
    for front in fronts.fronts.values():  # a policy without exits is on the scale of the mark
        assert front.accuracy[-1] >= WEIGHED - 1e-6
        for i in (0, len(front) // 2, len(front) - 1):
            assert front.accuracy[i] == pytest.approx(average(records, route(records, front.policy(i)).right))
    _, high = app.fronts.figure.layout.yaxis.range
    assert high < 60


def test_every_row_of_fewer_bits_keeps_weights_and_groups(hardware):
    from eeviz.nn.quantize import answers, quantize

    app, records, _ = hardware
    plain, eight = app.state.rounded
    network, _, data, calibration = network_and_answers()
    logits = np.concatenate(list(answers(quantize(network, calibration, "8/8", ["8/8"] * 2 + ["8/8"]), data.images)))
    rounded = logits.argmax(axis=2) == records.label[:, None]
    for one, right in ((plain, records.correct), (eight, rounded)):
        known = app.state.answers[one.pair]
        index = _rows_of(known.shown, records)
        for k in range(3):
            expected = np.average(right[index, k], weights=records.weight[index])
            assert one.accuracy[k] == pytest.approx(expected, abs=1e-6)
        for outcome in (one.held, one.again):
            routing = route(known.shown, outcome.policy)
            assert outcome.accuracy.value == pytest.approx(average(known.shown, routing.right), abs=1e-6)
            assert outcome.accuracy.method == metrics.accuracy_interval(records, records.correct[:, -1]).method.replace(
                "40", str(len(np.unique(known.shown.group))) if records.group is not None else "40"
            )
        if records.group is not None:  # nobody is asked both to tune and to report
            assert not set(known.tune.group) & set(known.shown.group)
    assert format.percent(float(plain.accuracy[-1]), 2) in app.pairs.value
    assert format.percent(float(eight.accuracy[-1]), 2) in app.pairs.value
    assert abs(eight.accuracy[-1] - WEIGHED) < 0.1


def _rows_of(part, records) -> np.ndarray:
    """Which samples a part holds, by their weights, labels and groups as far as they tell: those of `halves`."""
    from eeviz.core.solve.cross_fit import split_in_two

    if records.group is not None:
        return split_in_two(records, 0)[1]
    return np.arange(len(records))[1::2]


def test_rounded_answers_are_shown_weighted_everywhere(hardware):
    app, records, _ = hardware
    fronts = app.state.fronts
    assert fronts.rounded
    assert fronts.records.weight is not None
    final = average(fronts.records, fronts.records.correct[:, -1])
    assert np.allclose(drawn(app.fronts)["without exits"].y, 100 * final)
    assert abs(final - WEIGHED) < 0.1
    cost = app.state.settings.cost
    front = fronts.fronts[cost]
    index = fronts.index(cost, app.state.settings.max_drop)
    assert front.accuracy[index] >= final - app.state.settings.max_drop - 1e-9
    shown = app.state.rounded[-1].again.accuracy.value
    assert format.percent(shown, 1) in " ".join(str(t.text) for t in app.bits.figure.data if t.type == "scatter")
    app.explore_button.click()
    inside = app.below.explorer.state.records
    assert np.array_equal(inside.weight, fronts.records.weight)
    assert (inside.group is None) == (records.group is None)


# -- the search lab ------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Weighed(FakeEvaluator):
    """The made-up evaluator, right answers to hard samples counting more, samples of thirty people."""

    def __reduce__(self):
        return Weighed, (self.trouble, self.seconds)

    def records(self, *args, **options):
        made = super().records(*args, **options)
        hard = np.random.default_rng(len(made.split)).random(len(made))  # as the tables are drawn
        weight = np.where(hard > 0.5, 4.0, 0.2)
        return dataclasses.replace(made, weight=weight, group=np.arange(len(made)) % 30)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    from eeviz.labs.search.openings import Openings
    from eeviz.labs.search.settings import Settings
    from eeviz.labs.search.state import SearchState
    from eeviz.ui.search.app import SearchApp

    store = tmp_path_factory.mktemp("lab") / "done.db"
    settings = Settings(methods=("two-level", "nachos"), evaluations=6)
    app = SearchApp(SearchState(settings), Openings(store, Weighed()), inline=True)
    app.runline.press("start")
    assert app.status.level != "error", app.status.details
    return app


def test_what_a_search_reports_is_weighted(searched):
    for name, lane in searched.state.lanes.items():
        run = searched.driver.run_of(name)
        for candidate in lane.snapshot.archive:
            records = run.records(candidate.id)
            assert records.weight is not None
            for point in range(len(candidate.points)):
                routing = route(records, candidate.points.policy(point))
                if name == "nachos":  # nothing is fitted: the figure is that of all samples
                    assert 1 - candidate.points.error[point] == pytest.approx(average(records, routing.right))
                else:  # cross-fitted: near it, and far from the plain mean
                    said, plain = 1 - candidate.points.error[point], routing.right.mean()
                    assert plain - average(records, routing.right) > 0.1
                    assert abs(said - average(records, routing.right)) < 0.5 * abs(said - plain)


def test_halves_of_grouped_records_share_nobody_and_count_by_weight():
    from eeviz.nas.cross_fitting import cross_fitted, parts_of
    from eeviz.nas.goal import Goal

    records = weighted(exits=2, samples=400)
    first, second = parts_of(records)
    assert not set(records.group[first]) & set(records.group[second])
    assert sorted([*first, *second]) == list(range(400))
    # everybody to the final classifier: cross-fitting cannot change what it is worth
    points = cross_fitted(records, Goal.of(), max_exits=1)
    alone = [p for p in range(len(points)) if np.isnan(points.thresholds[p]).all()]
    assert alone or len(points)
    for p in alone:
        assert 1 - points.error[p] == pytest.approx(WEIGHED, abs=1e-6)


def test_a_report_of_a_search_is_weighted_and_its_interval_grouped(searched):
    from eeviz.nas.report import difference, report

    run = searched.driver.run_of("nachos")
    found = report(run, np.array([1e6, 4e6]), None) if run.readings_path else None
    assert found is not None
    for b in range(2):
        candidate = {c.id: c for c in run.archive}[int(found.candidate[b])]
        table = run.method.convert(
            run.evaluator.records(candidate.genome, run.method.offered, run.method.measure, split="test")
        )
        routing = route(table, run.front.policy(int(np.flatnonzero(run.front.candidate == candidate.id)[0])))
        assert found.error[b] == pytest.approx(1 - average(table, routing.right))
    same = difference([found], [found])
    assert same.value == same.low == same.high == 0
    assert "30 groups" in same.method


def test_what_is_opened_and_compared_keeps_weights(searched):
    from eeviz.labs.explorable import one_design_each

    lane = searched.state.lanes["two-level"]
    searched.driver.select(*lane.front[0].key)
    selection = searched.state.selected
    records = searched.driver.records(selection)
    few, policy = one_design_each(records, selection.policy)
    assert np.array_equal(few.weight, records.weight)
    assert np.array_equal(few.group, records.group)
    assert route(few, policy).accuracy == pytest.approx(average(records, route(records, selection.policy).right))


def test_fine_tuned_networks_are_weighed_like_what_they_were_tuned_from(searched):
    from eeviz.labs.search.tuner import measured

    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    run = searched.driver.run_of("two-level")
    searched.driver.select(*searched.state.lanes["two-level"].front[0].key)
    selection = searched.state.selected
    network = searched.driver.network(selection)
    made = measured(run, selection, network)
    old = run.records(selection.candidate)
    assert np.array_equal(made.weight, old.weight)
    assert np.array_equal(made.group, old.group)


# -- the augment lab -----------------------------------------------------------------------------------------------


def test_the_augment_lab_shows_weighted_figures_of_the_shipped_heartbeats():
    pytest.importorskip("torch")
    from eeviz.catalogue import load_demo
    from eeviz.labs.augment.settings import Settings
    from eeviz.labs.augment.state import AugmentState
    from eeviz.ui.augment import html
    from eeviz.ui.augment.app import AugmentApp

    app = AugmentApp(AugmentState(Settings("ecg", max_drop=0.005)), inline=True)
    app.runline.press("shipped")
    assert app.state.phase == "done", app.status.message
    demo, state = load_demo("ecg"), app.state
    records = demo.validation
    assert records.weight is not None
    assert records.group is not None
    given = average(records, demo.static[-1].right("validation"))
    chart = drawn(app.chart)
    assert np.allclose(chart["the model itself"].y, 100 * given)
    static = {n.name: average(records, n.right("validation")) for n in demo.static}
    assert [static[p.name] for p in app.static_points] == pytest.approx([p.accuracy for p in app.static_points])
    routing = route(state.selected.mapping.records(records), state.selected.policy, "energy")
    assert state.selected.accuracy == pytest.approx(average(records, routing.right))
    words = html.headline(state.selected, state.trained.final)
    assert format.percent(given, 2) in words
    assert format.percent(average(records, routing.right), 2) in words
    assert "bootstrap over" in state.selected.difference.method


def test_networks_answer_for_the_people_of_their_data_set():
    pytest.importorskip("torch")
    from eeviz.nn.collect import collect
    from eeviz.nn.quantize import bit_records

    network, _, data, calibration = network_and_answers()
    grouped = dataclasses.replace(data, groups=np.arange(len(data)) % 7)
    assert collect(network, data).group is None
    assert np.array_equal(collect(network, grouped).group, grouped.groups)
    (table,) = bit_records(network, grouped, calibration, [8], [8]).values()
    assert np.array_equal(table.group, grouped.groups)

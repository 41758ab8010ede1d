"""The search lab without a browser: searches run, hold, go on and are taken up; what they found can be opened."""

import csv
import io
import json
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from search_fakes import FakeEvaluator

from eeviz.core.solve.thresholds import tune
from eeviz.core.table.policy import Policy, route
from eeviz.labs.explorable import branches_in_words, one_design_each, short_names
from eeviz.labs.search.openings import Openings
from eeviz.labs.search.race import Race
from eeviz.labs.search.settings import Settings
from eeviz.labs.search.state import SearchState
from eeviz.nas.cross_fitting import halves
from eeviz.ui.search.app import SearchApp
from eeviz.ui.search.lab import search_lab
from eeviz.ui.search.table import key_of

METHODS = ("aebnas", "nachos")
EVALUATIONS = 9


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("lab") / "done.db"


@pytest.fixture(scope="module")
def done(store):
    """A lab after a short search of two methods; tests select, pin and export, they do not search on."""
    settings = Settings(methods=METHODS, evaluations=EVALUATIONS)
    app = SearchApp(SearchState(settings), Openings(store, FakeEvaluator()), inline=True)
    app.runline.press("start")
    assert app.status.level != "error", app.status.details
    return app


def searching(tmp_path, seconds=0.05, **options):
    return search_lab(
        evaluator=FakeEvaluator(seconds=seconds), store=tmp_path / "s.db", methods=["aebnas"], evaluations=16, **options
    )


def until(holds, seconds=120.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.005)


def test_a_search_runs_to_its_budget(done):
    state = done.state
    assert state.phase == "done"
    assert [lane.snapshot.evaluations for lane in state.lanes.values()] == [EVALUATIONS] * 2
    assert [line["share"] for line in done.runline.progress] == [1.0, 1.0]
    assert done.runline.allowed == ["start", "resume"]


def test_the_form_says_what_its_methods_do_and_where_searches_are_kept(done, store):
    assert all(name in done.form.meaning.value for name in METHODS)
    assert "two-level" not in done.form.meaning.value.split("</b>")[0]
    assert str(store) in done.form.store.value


def searched(folder, evaluations):
    """A lab after a random search."""
    settings = Settings(methods=("random",), evaluations=evaluations)
    app = SearchApp(SearchState(settings), Openings(folder / "s.db", FakeEvaluator()), inline=True)
    app.runline.press("start")
    return app


def test_there_is_nothing_to_undo_before_the_first_choice(tmp_path):
    app = searched(tmp_path, 2)
    assert app.state.selected is not None
    assert not app.state.can_undo
    app.driver.close()


def test_an_empty_chart_shows_where_points_will_come(tmp_path):
    app = SearchApp(SearchState(), Openings(tmp_path / "s.db", FakeEvaluator()), inline=True)
    low, high = app.chart.figure.layout.yaxis.range
    assert low < 85 < high
    assert app.chart.figure.layout.xaxis.range[0] < np.log10(2e5)
    app.driver.close()


def test_the_chart_has_a_front_for_each_method_and_says_what_it_shows(done):
    drawn = {trace.name: trace for trace in done.chart.figure.data}
    for name, lane in done.state.lanes.items():
        assert np.allclose(drawn[name].y, 100 * lane.snapshot.front.accuracy)
        assert np.allclose(drawn[name].x, lane.snapshot.front.mean_cost)
        assert "candidate" in drawn[name].customdata[0]
        assert "stages" in drawn[name].customdata[0]
        shown = {mark.candidate for mark in (*lane.front, *lane.others)}
        assert shown == {c.id for c in lane.snapshot.archive if len(c.points)}
    assert drawn["aebnas"].marker.symbol != drawn["nachos"].marker.symbol
    assert len(drawn["static networks, trained alone"].x) >= 3
    assert "optimistic" in done.chart.sentence.value


def test_a_click_draws_the_network_and_undo_goes_back(done):
    before = done.state.selected
    lane = done.state.lanes["nachos"]
    done.chart.chart.click(done, 5 + 3, 0)  # traces: five times others, five fronts in the order of the methods
    chosen = done.state.selected
    assert chosen.key == lane.front[0].key
    assert chosen.accuracy == pytest.approx(lane.snapshot.front.accuracy[0])
    (item,) = done.panel.drawing.items
    assert sum(block["macs"] for stage in item["stages"] for block in stage["blocks"]) > 0
    assert item["words"].count("stage ") >= 5
    done.panel.undo.click()
    assert done.state.selected is before
    done.panel.redo.click()
    assert done.state.selected is chosen


def test_a_click_beside_every_point_changes_nothing(done):
    before = done.state.selected
    done.chart.chart.click(done, 12, 0)
    done.chart.chart.click(done, 0, 0)  # two-level did not run
    assert done.state.selected is before


def test_the_text_form_tells_the_thresholds_of_the_point(done):
    done.driver.select(*done.state.lanes["aebnas"].front[-1].key)
    chosen = done.state.selected
    assert "threshold" not in chosen.words
    assert chosen.words.count("leaves at >=") == len(chosen.own_policy.thresholds)
    assert sum(chosen.shares) == pytest.approx(1)


def test_the_explorer_below_opens_at_the_points_figures(done):
    done.driver.select(*done.state.lanes["aebnas"].front[-1].key)
    done.panel.explore.click()
    state = done.below.explorer.state
    assert state.routing.accuracy == pytest.approx(done.state.selected.accuracy, abs=0.02)
    assert state.routing.mean_cost == pytest.approx(done.state.selected.mean_cost, rel=0.05)
    assert state.report_records.split == "test"
    other = next(mark for mark in done.state.lanes["aebnas"].front if mark.candidate != done.state.selected.candidate)
    done.driver.select(*other.key)
    done.panel.explore.click()
    assert done.status.level != "error", done.status.details
    assert done.below.explorer.state is state
    assert all(name.startswith("exit ") and "," not in name for name in state.source.exits[:-1])
    branches = any(", " in name for name in done.driver.records(done.state.selected).exits)
    assert ("Branches: exit" in done.below.title.value) == branches


def test_other_figures_in_the_explorer_are_explained(tmp_path):
    app = searched(tmp_path, 4)
    lane = app.state.lanes["random"]
    differ = []
    for mark in lane.front:
        app.driver.select(*mark.key)
        app.panel.explore.click()
        told = "chosen on the other half" in app.below.title.value
        differ.append(abs(app.below.explorer.state.routing.accuracy - mark.accuracy) >= 0.0003)
        assert told == differ[-1]
    assert any(differ)  # cross-fitted figures are not those of one set of thresholds
    app.driver.close()


def test_alternatives_become_one_design_each_at_equal_figures():
    evaluator = FakeEvaluator()
    genome = evaluator.space.backbone_part(evaluator.space.sample(np.random.default_rng(3)))
    records = evaluator.records(genome, offered=True)
    thresholds = [None] * (records.exits_count - 1)
    thresholds[2], thresholds[13] = 0.8, 0.6
    policy = Policy(thresholds)
    small, own = one_design_each(records, policy)
    assert small.exits_count == len(np.unique(records.position))
    told = branches_in_words(small, own)
    assert told.startswith("Branches: exit 1 ")
    assert told.count("(off)") == own.thresholds.count(None) > 0
    assert len(set(short_names(small).exits)) == small.exits_count
    before, after = route(records, policy), route(small, own)
    assert after.accuracy == before.accuracy
    assert after.mean_cost == pytest.approx(before.mean_cost, rel=1e-12)
    assert after.worst_cost == pytest.approx(before.worst_cost, rel=1e-12)


def test_pins_stand_side_by_side_with_a_paired_difference(done):
    lanes = done.state.lanes
    for name, key in (("A", lanes["aebnas"].front[0].key), ("B", lanes["aebnas"].front[-1].key)):
        done.driver.select(*key)
        done.state.pin(name)
    assert "B minus A on the same 240 samples" in done.compare.words.value
    assert "interval" in done.compare.words.value
    assert len(done.compare.drawing.items) == 2


def test_the_table_selects_and_holds_every_candidate(done):
    done.table.show(done.state)
    assert len(done.table.rows) == 2 * EVALUATIONS
    first = done.table.rows[0]
    assert first["values"][3] > 0
    done.table.chosen = first["key"]
    assert done.state.selected.key == key_of(first["key"])


def test_the_exports_hold_every_point(done):
    sent = []
    done.page.send = lambda message, buffers=None: sent.append((message["name"], buffers[0].decode()))
    done.download_csv()
    done.download_json()
    (csv_name, table), (json_name, text) = sent
    assert (csv_name, json_name) == ("candidates.csv", "candidates.json")
    rows = list(csv.DictReader(io.StringIO(table)))
    archive = [c for lane in done.state.lanes.values() for c in lane.snapshot.archive]
    assert len(rows) == sum(max(len(c.points), 1) for c in archive)
    assert sum(int(row["on_front"]) for row in rows) == sum(len(lane.front) for lane in done.state.lanes.values())
    read = json.loads(text)
    assert read["settings"]["methods"] == list(METHODS)
    genomes = [tuple(c["genome"]) for m in read["methods"].values() for c in m["candidates"]]
    assert genomes == [c.genome for c in archive]


def downloaded(app, folder):
    """Where the weights of the selected network were downloaded to."""
    sent = []
    app.page.download = lambda name, data, kind: sent.append((name, data))
    app.guarded(app.download_weights, "")()
    ((name, data),) = sent
    (folder / name).write_bytes(data)
    return folder / name


def test_downloaded_weights_load_again_and_infer_alike(done, tmp_path):
    pytest.importorskip("torch")
    from eeviz.nn import network_file

    done.driver.select(*next(m for m in done.state.lanes["aebnas"].front if m.candidate).key)
    chosen = done.state.selected
    path = downloaded(done, tmp_path)
    assert path.name == f"aebnas-{chosen.candidate}.zip"
    again, network = network_file.load(path), done.driver.network(chosen).eval()
    images = done.driver.run_of("aebnas").evaluator.data("validation").images
    asked = Policy((0.1001,) * len(chosen.own_policy.thresholds))  # weights are untrained: some leave, some stay
    a, b = (net.infer(images, asked) for net in (again, network))
    for name in ("exit_of", "predicted", "confidence"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert again.exits_count == len(chosen.own_policy.thresholds) + 1


def test_downloaded_weights_keep_learned_confidences(done, tmp_path):
    torch = pytest.importorskip("torch")
    from eeviz.nn import network_file
    from eeviz.nn.learned import MEASURE

    for mark in done.state.lanes["nachos"].front:
        done.driver.select(*mark.key)
        chosen = done.state.selected
        if chosen.own_policy.thresholds:
            break
    assert chosen.own_policy.thresholds
    again, network = network_file.load(downloaded(done, tmp_path)), done.driver.network(chosen)
    images = torch.rand(6, 28, 28).mul(255).byte().numpy()
    asked = Policy((0.5,) * len(chosen.own_policy.thresholds))
    a, b = (net.eval().infer(images, asked, MEASURE) for net in (again, network))
    np.testing.assert_array_equal(a.predicted, b.predicted)
    np.testing.assert_array_equal(a.confidence, b.confidence)


@pytest.mark.parametrize(("name", "measure"), [("aebnas", "margin"), ("nachos", "learned, cumulative")])
def test_fine_tuning_trains_the_network_and_selects_it(name, measure, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from eeviz.nas.run import SearchRun
    from eeviz.nn import network_file

    fake = FakeEvaluator()

    def fine_tuning(self, network, recipe):
        from eeviz.nn.train.joint import train

        data = fake.data()
        yield from train(network, data, data.head(40), replace(recipe, batch=60))

    monkeypatch.setattr(SearchRun, "fine_tuning", fine_tuning)
    app = SearchApp(
        SearchState(Settings(methods=(name,), evaluations=9)), Openings(tmp_path / "s.db", fake), inline=True
    )
    app.runline.press("start")
    before = app.state.selected
    app.panel.tune.click()
    assert app.status.level != "error", app.status.details
    (tuned,) = app.state.tuned
    assert app.state.selected is tuned.selection
    assert not app.state.can_redo
    app.state.undo()
    assert app.state.selected is before
    app.chart.chart.click(app, 11, 0)  # after five others, five fronts and the static networks: the star
    assert app.state.selected is tuned.selection
    assert app.driver.records(tuned.selection) is tuned.records
    assert tuned.records.measure == measure
    assert tuned.measure == app.driver.run_of(name).method.measure
    whole = route(tuned.records, tuned.selection.policy, "macs")
    assert tuned.selection.worst_cost == whole.worst_cost
    parts = [tuned.records.subset(index) for index in halves(tuned.records.label)]
    scored = [route(parts[1 - k], tune(parts[k], max_cost=before.mean_cost), "macs").accuracy for k in (0, 1)]
    assert tuned.selection.accuracy == pytest.approx(np.mean(scored))
    assert tuned.selection.key == before.key
    assert "fine-tuned for 1 epoch" in tuned.selection.name
    assert len(tuned.records) == len(fake.data())
    moved = app.driver.network(tuned.selection).state_dict()
    fresh = app.driver.run_of(name).network(tuned.selection.genome).state_dict()
    assert any(not np.array_equal(moved[key].numpy(), fresh[key].numpy()) for key in fresh)
    again = network_file.load(downloaded(app, tmp_path))
    images, policy = fake.data().images, tuned.selection.policy
    assert (
        again.infer(images, policy, measure).predicted == tuned.network.infer(images, policy, measure).predicted
    ).all()
    app.driver.close()


@pytest.mark.parametrize("tab", [1, 2, 3, 0])
def test_every_tab_draws(done, tab):
    done.tabs.selected_index = tab
    assert done.status.level != "error", done.status.details
    if tab in (1, 2):
        assert len(done.charts[tab - 1].figure.data) == 5
        assert "nan" not in done.charts[tab - 1].sentence.value.lower()


def test_a_search_pauses_steps_stops_and_goes_on(tmp_path):
    lab = searching(tmp_path)
    assert lab.phase == "idle"
    lab.start()
    until(lambda: lab.snapshots and lab.snapshots["aebnas"].evaluations >= 2)
    lab.pause()
    lab.join(60)
    assert lab.phase == "paused"
    count = lab.snapshots["aebnas"].evaluations
    lab.step()
    lab.join(60)
    assert lab.phase == "paused"
    assert lab.snapshots["aebnas"].evaluations == count + 1
    lab.resume()
    until(lambda: lab.snapshots["aebnas"].evaluations > count + 1)
    lab.stop()
    lab.join(60)
    assert lab.phase == "stopped"
    found = lab.snapshots["aebnas"].evaluations
    lab.close()

    # another page: the store offers it, shows it, and goes on with it
    again = searching(tmp_path, seconds=0.0)
    again.join(60)
    assert again.snapshots["aebnas"].evaluations == found
    again.resume()
    again.join(300)
    assert again.phase == "done"
    assert again.snapshots["aebnas"].evaluations == 16
    again.close()


def test_an_interrupted_search_ends_at_the_same_front(tmp_path):
    fronts = []
    for interrupted in (False, True):
        folder = tmp_path / str(interrupted)
        folder.mkdir()
        app = SearchApp(
            SearchState(Settings(methods=("aebnas",), evaluations=10)),
            Openings(folder / "s.db", FakeEvaluator()),
            inline=True,
        )
        if interrupted:
            for _ in range(3):
                app.runline.press("step")
            app.runline.press("resume")
        else:
            app.runline.press("start")
        assert app.state.phase == "done"
        fronts.append(app.state.lanes["aebnas"].snapshot.front)
        app.driver.close()
    assert (fronts[0].accuracy == fronts[1].accuracy).all()
    assert (fronts[0].mean_cost == fronts[1].mean_cost).all()


def test_a_larger_budget_goes_on_with_a_finished_search(tmp_path):
    settings = Settings(methods=("aebnas",), evaluations=9)
    app = SearchApp(SearchState(settings), Openings(tmp_path / "s.db", FakeEvaluator()), inline=True)
    app.runline.press("start")
    app.runline.press("resume")
    assert "raise the budget" in app.status.message
    before = [c.genome for c in app.state.lanes["aebnas"].snapshot.archive]
    app.form.amount.value = 12
    app.runline.press("resume")
    after = [c.genome for c in app.state.lanes["aebnas"].snapshot.archive]
    assert len(after) == 12
    assert after[:9] == before
    app.driver.close()


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda form: setattr(form.max_cost, "value", "5"), "smallest possible"),
        (lambda form: setattr(form.max_cost, "value", "cheap"), "no amount"),
        (lambda form: [setattr(box, "value", False) for box in form.methods.values()], "at least one method"),
    ],
)
def test_what_cannot_be_searched_is_told_in_the_page(tmp_path, write, words):
    app = SearchApp(
        SearchState(Settings(methods=("aebnas",))), Openings(tmp_path / "s.db", FakeEvaluator()), inline=True
    )
    write(app.form)
    app.runline.press("start")
    assert app.status.level == "error"
    assert words in app.status.message
    assert not app.state.busy
    assert "start" in app.runline.allowed


def test_a_store_of_something_else_is_told_in_the_page(tmp_path):
    path = tmp_path / "s.db"
    path.write_bytes(b"no database, but a long enough text to be read as one" * 40)
    app = SearchApp(SearchState(Settings(methods=("aebnas",))), Openings(path, FakeEvaluator()), inline=True)
    assert "cannot be read" in app.status.message
    app.runline.press("start")
    assert app.status.level == "error"
    assert "corrupt or no SQLite file" in app.status.message


def test_a_failed_evaluation_is_a_row_of_the_table_not_the_end(tmp_path):
    plain = FakeEvaluator()
    app = SearchApp(
        SearchState(Settings(methods=("aebnas",), evaluations=9)), Openings(tmp_path / "a.db", plain), inline=True
    )
    app.runline.press("start")
    second = app.state.lanes["aebnas"].snapshot.archive[1].genome
    broken = replace(plain, trouble=((second, "nan"),))
    app = SearchApp(
        SearchState(Settings(methods=("aebnas",), evaluations=9)), Openings(tmp_path / "b.db", broken), inline=True
    )
    app.runline.press("start")
    assert app.state.phase == "done"
    app.table.show(app.state)
    failed = [row for row in app.table.rows if row["cells"][-1].startswith("failed")]
    assert len(failed) == 1
    app.table.chosen = failed[0]["key"]
    assert "no network to show" in app.status.message


def test_the_search_that_ships_is_on_the_first_screen(tmp_path, monkeypatch):
    from eeviz.launch import paths
    from recipes.make_example import RECORDS, make

    shipped = tmp_path / "shipped" / "searches" / "compact-fashion-mnist.db"
    shipped.parent.mkdir(parents=True)
    make(shipped, FakeEvaluator(), ("random", "aebnas"), evaluations=9)
    assert [file.name for file in shipped.parent.iterdir()] == [shipped.name]  # no log beside it
    before = shipped.read_bytes()
    monkeypatch.setattr(paths, "data", lambda: tmp_path / "shipped")
    monkeypatch.setenv("EEVIZ_DATA", str(tmp_path / "mine"))
    monkeypatch.setattr(Openings, "evaluator", lambda self, settings: FakeEvaluator())
    app = SearchApp(SearchState(Settings()), Openings(), inline=True)
    app.open_last()
    assert app.status.level != "error", app.status.details
    assert {name: lane.snapshot.evaluations for name, lane in app.state.lanes.items()} == {"aebnas": 9, "random": 9}
    assert app.state.selected.shares is not None
    assert len(app.panel.drawing.items) == 1
    run = app.driver.run_of("aebnas")
    without = [c for c in run.archive if len(c.points) and not _stored(run, c.id)]
    assert len(without) >= 9 - RECORDS
    again = run.records(without[0].id)  # computed again
    np.testing.assert_allclose(route(again, without[0].points.policy(0)).mean_cost, without[0].points.cost[0])
    app.driver.select("aebnas", without[0].id, 0)
    assert app.state.selected.shares is None
    app.driver.close()
    assert shipped.read_bytes() == before


def _stored(run, candidate):
    try:
        run.records(candidate, compute=False)
    except ValueError:
        return False
    return True


def test_missing_packages_are_named_with_the_command(monkeypatch, tmp_path):
    from eeviz.launch import packages

    monkeypatch.setattr(packages, "is_installed", lambda name: name != "pymoo")
    app = SearchApp(SearchState(), Openings(tmp_path / "s.db"), inline=True)
    assert "pymoo" in app.status.message
    assert "pip install" in app.status.message
    assert app.runline.allowed == []


def test_a_race_gives_every_search_equal_time_and_ends_with_stop():
    class Run:
        def __init__(self, cost):
            self.cost, self.done_, self.going = cost, 0, threading.Event()

        @property
        def snapshot(self):
            return SimpleNamespace(evaluations=self.done_, seconds=self.done_ * self.cost, done=self.done_ >= 100)

        def __iter__(self):
            while self.done_ < 100:
                self.done_ += 1
                yield self.snapshot

        def stop(self):
            self.going.set()

        close = stop

    race = Race({"quick": Run(1.0), "slow": Run(3.0)})
    steps = race.steps()
    for _ in range(40):
        next(steps)
    assert race.runs["quick"].done_ == pytest.approx(30, abs=1)
    race.stop()
    assert list(steps) == []
    assert not race.done
    timed = Race({"quick": Run(1.0)}, seconds=5.0)
    assert len(list(timed.steps())) == 5
    assert timed.done


def test_hardware_brings_its_costs_and_goes_into_the_evaluator(tmp_path):
    app = SearchApp(SearchState(Settings()), Openings(tmp_path / "s.db", FakeEvaluator()), inline=True)
    assert app.form.cost.options == ("macs",)
    app.form.hardware.value = "edge_tpu_like"
    app.form.cost.value = "energy x latency"
    assert app.state.settings.hardware == "edge_tpu_like"
    assert app.state.settings.cost == "energy x latency"
    assert "hardware=edge_tpu_like" in app.foot.url_line.text
    app.form.hardware.value = ""
    assert (app.form.cost.options, app.state.settings.cost) == (("macs",), "macs")
    pytest.importorskip("torch")
    evaluator = Openings(tmp_path / "s.db").evaluator(replace(Settings(), hardware="edge_tpu_like"))
    assert evaluator.key["provider"] == "edge_tpu_like"


def test_a_search_that_cannot_be_opened_leaves_the_one_on_show(tmp_path, monkeypatch):
    app = searched(tmp_path, 2)
    shown = app.state.running, dict(app.state.lanes), app.state.selected, app.driver.race

    def broken(*_):
        raise ValueError("the data set is not here.")

    monkeypatch.setattr(app.driver.openings, "runs", broken)
    app.form.seed.value = 7
    app.runline.press("start")
    assert app.state.phase == "failed"
    assert "not here" in app.status.message
    assert (app.state.running, dict(app.state.lanes), app.state.selected, app.driver.race) == shown
    app.driver.close()


@pytest.mark.parametrize(("asked", "opens"), [({}, True), ({"seed": 5}, True), ({"max_cost": 2e6}, False)])
def test_a_saved_search_opens_under_a_form_that_asks_the_same_only(tmp_path, asked, opens):
    """As from a link for another cost or hardware: what is on show must be what the form says."""
    searched(tmp_path, 2).driver.close()
    app = SearchApp(SearchState(Settings(**asked)), Openings(tmp_path / "s.db", FakeEvaluator()), inline=True)
    app.open_last()
    assert bool(app.state.lanes) == opens
    assert app.state.settings == Settings(**asked)
    app.driver.close()


def test_before_the_first_evaluation_the_line_says_what_is_waited_for(tmp_path):
    lab = searching(tmp_path, seconds=0.5)
    lab.start()
    until(lambda: lab.snapshots and lab.phase == "running")
    line = lab._app.runline.progress[0]
    if not lab.snapshots["aebnas"].evaluations:
        assert line["waiting"]
        assert "first evaluation under way" in line["words"]
    until(lambda: lab.snapshots["aebnas"].evaluations)
    until(lambda: not lab._app.runline.progress[0].get("waiting"))
    assert "evaluations" in lab._app.runline.progress[0]["words"]
    lab.stop()
    lab.join(20)

"""python -m eeviz search: what it prints, Ctrl-C, --resume."""

import argparse

import pytest
from search_fakes import FakeEvaluator

from eeviz.nas.command import add_arguments, command, number
from eeviz.nas.run import SearchRun


def arguments(*words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args([*map(str, words)])


def call(*words, evaluator=None):
    said = []
    code = command(arguments("--method", "nachos", *words), said.append, evaluator or FakeEvaluator())
    return code, "\n".join(said)


def test_a_search_ends_with_a_table(tmp_path, capsys):
    code, said = call("--evaluations", 4, "--store", tmp_path / "runs" / "a.db")
    assert code == 0
    assert "accuracy" in said
    assert "MACs" in said
    bar = capsys.readouterr().err
    assert "4/4" in bar


def test_ctrl_c_keeps_everything_and_says_how_to_go_on(tmp_path, monkeypatch):
    path = tmp_path / "a.db"
    whole = SearchRun.__iter__

    def interrupted(self):
        for snapshot in whole(self):
            yield snapshot
            if snapshot.evaluations == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(SearchRun, "__iter__", interrupted)
    code, said = call("--evaluations", 5, "--store", path)
    assert code == 130
    assert "2 of 5 evaluations are kept" in said
    assert f"--store {path} --resume" in said
    monkeypatch.undo()
    code, said = call("--evaluations", 5, "--store", path)
    assert code == 1
    assert "add --resume" in said
    code, said = call("--store", path, "--resume")
    assert code == 0
    with_all = call("--evaluations", 5, "--store", tmp_path / "b.db")[1]
    assert said == with_all


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--resume",), "needs --store"),
        (("--resume", "--store", "nowhere.db"), "no such file"),
        (("--max-cost", "10"), "smallest possible"),
        (("--evaluations", "0"), "evaluations"),
        (("--cost", "euros"), "no cost is called"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(words, told):
    code, said = call(*words)
    assert code == 1
    assert told in said
    assert "Traceback" not in said


def test_a_space_or_data_set_without_a_supernet_is_told():
    said = []
    assert command(arguments("--dataset", "cifar10", "--evaluations", 2), said.append) == 1
    assert "ships with eeviz" in said[0]


def test_a_network_brings_its_own_space_and_data(tmp_path):
    for words in (("--images", 100), ("--dataset", "fashion-mnist"), ("--space", "compact", "--images", 0)):
        said = []
        assert command(arguments("--network", tmp_path, *words), said.append) == 1
        assert "brings its own space and data" in said[0]
        assert said[0].endswith(f"leave out {', '.join(w for w in map(str, words) if w.startswith('--'))}.")


def test_the_package_knows_the_command():
    from eeviz.__main__ import _parse

    _, parsed = _parse(["search", "--method", "random", "--evaluations", "3"])
    assert (parsed.command, parsed.method, parsed.evaluations) == ("search", "random", 3)


def test_bounds_are_read_as_people_write_them():
    read = arguments("--max-cost", "2.5M", "--max-worst", "800k")
    assert (read.max_cost, read.max_worst) == (2.5e6, 8e5)
    for text in ("", "M", "-1", "nan", "2,5M", "inf"):
        with pytest.raises(argparse.ArgumentTypeError, match="is no positive number"):
            number(text)


def test_why_evaluations_failed_is_said_and_a_search_without_a_result_is_no_success(monkeypatch):
    def broken(self, *_, **__):
        raise ValueError("the network's answers are not finite")

    monkeypatch.setattr(FakeEvaluator, "records", broken)
    code, said = call("--evaluations", 3)
    assert code == 1
    assert "3 of 3 evaluations failed: the network's answers are not finite" in said
    assert "No network was found" in said


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    code, said = call("--evaluations", 2, "--store", tmp_path / "file" / "a.db")
    assert code == 1
    assert str(tmp_path / "file") in said

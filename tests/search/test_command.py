"""python -m eeviz search: what it prints, Ctrl-C, --resume."""

import argparse

import pytest
from search_fakes import FakeEvaluator

from eeviz.search.command import add_arguments, command
from eeviz.search.run import SearchRun


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


def test_the_package_knows_the_command():
    from eeviz.__main__ import _parse

    _, parsed = _parse(["search", "--method", "random", "--evaluations", "3"])
    assert (parsed.command, parsed.method, parsed.evaluations) == ("search", "random", 3)

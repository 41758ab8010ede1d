"""The exits that a policy keeps, as a network: each at the bits of its own column, where no gene can say them."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")

from zniber_fakes import noise_network

import eeviz as ee
from eeviz.core.network.bits import Bits
from eeviz.core.table.policy import Policy
from eeviz.nas.extract import choice_of, with_kept_exits
from eeviz.nas.pareto import Points
from eeviz.nas.snapshot import joined_front


def answers_as_recorded(evaluator, network, records, policy, own_policy):
    """Does the network answer as the candidate's records do, each exit at the bits of its own column?"""
    expected = ee.route(records, policy, "macs")
    answer = network.infer(evaluator.data().images, own_policy)
    columns = np.array([*np.flatnonzero(policy.kept), len(policy.thresholds)])
    np.testing.assert_array_equal(columns[answer.exit_of], expected.exit_of)
    np.testing.assert_array_equal(answer.predicted, records.predicted[np.arange(len(records)), expected.exit_of])
    return answer


def test_what_the_two_level_method_finds_is_built_at_the_bits_of_each_exit(tmp_path, monkeypatch):
    evaluator = noise_network(tmp_path / "net", monkeypatch, images=30)
    space = evaluator.space
    with ee.search(space, "noise", evaluator=evaluator, evaluations=3) as run:
        for _ in run:
            pass
        choice = run.best(max_cost=run.front.mean_cost[0])  # the cheapest leaves somewhere
        records, network = run.records(choice.candidate), run.network(choice)
        assert network.exits_count == len(choice.own_policy.thresholds) + 1 == len(choice.plan.heads) > 1
        answers_as_recorded(evaluator, network, records, choice.policy, choice.own_policy)
        # exit A at 4 bits and exit E at 8, which the one gene of bits cannot say
        found = next(c for c in run.archive if space.genes[0].options[c.genome[0]] == "4/8")
        records = run.records(found.id)
        names = ("exit A, 4 bits", "exit E, 8 bits")
        kept = [records.exits.index(name) for name in names]
        thresholds = [None] * (records.exits_count - 1)
        for k in kept:
            thresholds[k] = float(np.median(records.confidence[:, k]))
        points = Points(np.array([0.5]), np.array([1e6]), np.array([1e6]), np.array([Policy(tuple(thresholds)).array]))
        choice = choice_of(joined_front([dataclasses.replace(found, points=points)], "MACs"), 0, found.genome, space)
        assert [head.name for head in choice.plan.heads] == [*names, "final"]
        assert len(space.decode(choice.genome).plan.heads) == 3
        network = run.network(choice)
        assert network.bits == Bits(4, 4)
        assert network.head_bits == (Bits(4, 4), Bits(8, 8), Bits(4, 4))
        answer = answers_as_recorded(evaluator, network, records, choice.policy, choice.own_policy)
        assert len(set(answer.exit_of)) == 3
        # where all exits have the same bits the genome says them as well
        everyone = [None] * (records.exits_count - 1)
        everyone[1] = 0.5
        genome, _ = with_kept_exits(space, found.genome, Policy(tuple(everyone)))
        assert space.decode(genome).values["bits"] == "4/4"

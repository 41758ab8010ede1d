"""How much energy x latency do early exits save on modelled accelerators at 8 bits, and what do MACs alone miss?

The Fashion-MNIST demo and networks of `zniber`, rounded to 8/8 (by calibration), every exit on offer. Policies are chosen on
validation; how much less than 1 pp of drop is asked for there, so that new images lose 1 pp, is settled on halves of
validation. All figures are of the test images, which are read once a network: the reading is logged in
results/readings.json, and the answers stay in benchmarks/answers (not committed).
For each accelerator: what is saved of energy x latency (with a 95 % interval over images), energy, latency and MACs;
against the cheapest static network that is as accurate on validation, and against the network's own exits alone; what
choosing by MACs costs, over drops from 0.2 to 1.5 pp, for a single one depends on where the steps of two fronts lie; one threshold for all exits, at equal drop and at equal cost; utilisation of heads. Published
claims come with a verdict; at the end the means over the networks of `zniber`.
Run: python benchmarks/energy_latency.py [FOLDER ...] [--static FOLDER ...] [--save]
     (folders of python -m eeviz.nn.make_network, of its --static for the latter)
"""

import argparse
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import _line
import numpy as np
import torch
from _answers import digest, kept
from _verdict import claim, resampled

import eeviz as ee
from eeviz.core.network.bits import Bits
from eeviz.core.network.workload import Workload
from eeviz.core.solve.baselines import global_threshold
from eeviz.core.solve.cross_fit import crossed
from eeviz.core.table.calibration import fit_temperature
from eeviz.core.table.metrics import mean_interval, own_accuracy, paired_interval, single_exit
from eeviz.hardware import Accelerator, shipped
from eeviz.launch import paths
from eeviz.nn.count.workload import workload
from eeviz.nn.quantize import bit_records

DROP, PRODUCT, EIGHT = 0.01, "energy x latency", Bits(8, 8)
STATED = (0.0, 0.0025, 0.005, 0.01)
BUDGETS = tuple(round(0.001 * step, 3) for step in range(2, 16))
ASKED = tuple({"max_drop": 0.001 * step} for step in range(1, 11))
SPLITS = ("validation", "test")


@dataclass(frozen=True, eq=False)
class Static:
    """A network without exits: its layers, and where it is right on each split."""

    name: str
    work: Workload
    right: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Network:
    """A network at 8/8 bits: its layers and its answers on both splits; static ones to compare it with."""

    name: str
    work: Workload
    tables: dict[str, ee.ExitRecords]
    statics: tuple[Static, ...] = field(default=())


def of_demo() -> Network:
    from eeviz.nn.models.static import static_network

    demo = ee.load_demo("fashion")
    with np.load(paths.data() / "supernet" / "compact-fashion" / "calibration.npz", allow_pickle=False) as stored:
        images = stored["images"]
    network = demo.network()
    tables = answers(network, "fashion-mnist", images, demo.folder)
    static = tuple(
        Static(one.name, workload(static_network(demo.name, one)), {split: one.right(split) for split in SPLITS})
        for one in demo.static
    )
    return Network("fashion demo", workload(network), tables, static)


def of_folder(folder: Path, statics: tuple[Static, ...]) -> Network:
    return Network(folder.name, *trained(folder), statics)


def static_of(folder: Path) -> Static:
    work, tables = trained(folder)
    return Static(folder.name, work, {split: tables[split].correct[:, -1] for split in SPLITS})


def trained(folder: Path) -> tuple[Workload, dict[str, ee.ExitRecords]]:
    """Layers and answers of a network of `make_network`."""
    from eeviz.nn.network_file import load, read_document

    network = load(folder)
    dataset = read_document(folder)["dataset"]
    images = ee.load_dataset(dataset, "train").images[:256]
    return workload(network), answers(network, dataset, images, folder)


def answers(network, dataset: str, images, folder: Path) -> dict[str, ee.ExitRecords]:
    """The network's answers at 8/8 bits on both splits."""

    def make(split: str) -> ee.ExitRecords:
        return bit_records(network, ee.load_dataset(dataset, split), images, [EIGHT], [EIGHT])[EIGHT]

    name = f"{folder.name}-{digest(folder)}-8-8"
    return {split: kept(name, dataset, split, lambda split=split: make(split)) for split in SPLITS}


def calibrated(tables: dict[str, ee.ExitRecords]) -> dict[str, ee.ExitRecords]:
    """With temperatures fitted on validation: one threshold for all exits needs confidences that compare."""
    validation = tables["validation"]
    temperature = tuple(fit_temperature(validation.logits, validation.label))
    return {split: table.with_confidence(table.measure, temperature) for split, table in tables.items()}


def asked_drop(validation: ee.ExitRecords) -> float:
    """The largest drop to ask for on validation whose drop on the other half is at most DROP."""
    found = crossed(validation, ASKED, shuffles=4, cost=PRODUCT, refit=False)
    held = [one.condition["max_drop"] for one in found if one.drop.value <= DROP]
    return max(held, default=ASKED[0]["max_drop"])


def spent(routing) -> np.ndarray:
    """(N,) what each sample costs."""
    return routing.cost_at[routing.exit_of]


def measure(network: Network) -> dict[str, dict]:
    """Lines of one network, one for each accelerator; returns their figures by accelerator."""
    found, products, plain = {}, {}, calibrated(network.tables)
    for name, between in shipped():
        core = Accelerator(name, between)
        costs = {"macs": network.work.macs(), **core.costs(network.work, EIGHT)}
        validation, test = (replace(plain[split], costs=costs, logits=None) for split in SPLITS)
        asked, static = asked_drop(validation), costs[PRODUCT].static
        ours = ee.tune(validation, max_drop=asked, cost=PRODUCT)
        one = global_threshold(validation, PRODUCT, max_drop=asked, values=2001)
        tuned, single = (ee.route(validation, policy, PRODUCT) for policy in (ours, one))
        equal = ee.route(test, ee.tune(validation, max_cost=single.mean_cost, cost=PRODUCT), PRODUCT)
        routing, single = (ee.route(test, policy, PRODUCT) for policy in (ours, one))
        saved = mean_interval(test, 1 - spent(routing) / static)
        drop = paired_interval(test, test.correct[:, -1], routing.right)
        gain = paired_interval(test, equal.right, single.right)
        layers = core.layers(network.work, EIGHT)
        used = layers.sums()["utilisation"]
        heads = [u for u, piece in zip(used, layers.pieces, strict=True) if piece.startswith("exit")]
        products[name] = routing
        figures = {
            "saved": saved.value, "saved_low": saved.low, "saved_high": saved.high,
            **{
                f"saved_{cost}": 1 - ee.route(test, ours, cost).mean_cost / costs[cost].static
                for cost in ("energy", "latency", "macs")
            },
            "asked_drop": asked, "drop": drop.value, "drop_low": drop.low, "drop_high": drop.high,
            "accuracy": routing.accuracy, "final": float(own_accuracy(test)[-1]),
            **against_statics(network, core, routing, tuned, validation, test),
            "at_asked_pp": {f"{100 * drop:g}": reached(validation, test, drop) for drop in STATED},
            **chosen_by_macs(validation, test),
            "one_threshold_costs_more": single.mean_cost / routing.mean_cost - 1,
            "one_threshold_accuracy": single.accuracy,
            "accuracy_gain_at_equal_cost": gain.value, "gain_low": gain.low, "gain_high": gain.high,
            "equal_cost_ratio": equal.mean_cost / single.mean_cost,
            "head_utilisation": max(heads),
        }  # fmt: skip
        found[name] = figures
        _line.report(
            "energy x latency", figures, {"drop": DROP}, {"saved": 0.6}, network=network.name, accelerator=name
        )
        claim(
            "heads use less than 1 % of the array", network.name, max(heads), max(heads), max(heads), below=0.01,
            accelerator=name,
        )  # fmt: skip
        claim(
            "exact thresholds beat one threshold at equal cost", network.name, gain.value, gain.low, gain.high, above=0.0,
            accelerator=name,
        )  # fmt: skip
    between_accelerators(network, products)
    return found


def reached(validation: ee.ExitRecords, test: ee.ExitRecords, drop: float) -> dict[str, float]:
    """What is saved of the product, and lost, where at most `drop` is asked for on validation, whatever new images lose."""
    routing = ee.route(test, ee.tune(validation, max_drop=drop, cost=PRODUCT), PRODUCT)
    lost = paired_interval(test, test.correct[:, -1], routing.right)
    figures = {
        "saved": 1 - routing.mean_cost / test.cost(PRODUCT).static,
        "drop": lost.value, "drop_low": lost.low, "drop_high": lost.high,
    }  # fmt: skip
    return {name: round(float(value), 4) for name, value in figures.items()}


def chosen_by_macs(validation: ee.ExitRecords, test: ee.ExitRecords) -> dict:
    """What thresholds chosen by MACs cost more in the product than those chosen by it, and how much more often they are
    right: at each drop of BUDGETS below the final classifier on validation, and as the mean over them."""
    fronts = [ee.front(validation, cost, refine=True) for cost in (PRODUCT, "macs")]
    final = own_accuracy(validation)[-1]
    more, right, each = np.zeros(len(test)), np.zeros(len(test)), {}
    for budget in BUDGETS:
        ours, other = (ee.route(test, best.policy(best.reaching(final - budget - 1e-12)), PRODUCT) for best in fronts)
        more += (spent(other) - spent(ours)) / ours.mean_cost / len(BUDGETS)
        right += (other.right.astype(float) - ours.right) / len(BUDGETS)
        each[f"{100 * budget:g}"] = round(other.mean_cost / ours.mean_cost - 1, 4)
    cost, gain = mean_interval(test, more), mean_interval(test, right)
    return {
        "chosen_by_macs_costs_more": cost.value, "macs_low": cost.low, "macs_high": cost.high, "macs_at_drop_pp": each,
        "chosen_by_macs_accuracy_gain": gain.value, "gain_by_macs_low": gain.low, "gain_by_macs_high": gain.high,
    }  # fmt: skip


def against_statics(network: Network, core, routing, tuned, validation, test) -> dict:
    """What is spent in the product beside networks of one exit that are as accurate on validation: the cheapest of
    those trained alone, and the cheapest of the network's own exits. Empty where there is none."""
    rivals = {}
    alone = [s for s in network.statics if s.right["validation"].mean() >= tuned.accuracy]
    if alone:
        priced = {s.name: (core.costs(s.work, EIGHT)[PRODUCT].static, s) for s in alone}
        cost, best = min(priced.values(), key=lambda pair: pair[0])
        rivals["static"] = (best.name, cost, best.right["test"])
    own = np.flatnonzero(own_accuracy(validation) >= tuned.accuracy).tolist() or [validation.exits_count - 1]
    single = min((single_exit(test, k, PRODUCT) for k in own), key=lambda r: r.mean_cost)
    rivals["own_exit"] = (test.exits[int(single.exit_of[0])], single.mean_cost, single.right)
    figures = {}
    for kind, (name, cost, right) in rivals.items():
        better = paired_interval(test, routing.right, right)
        figures |= {
            kind: name,
            f"saved_against_{kind}": 1 - routing.mean_cost / cost,
            f"accuracy_over_{kind}": better.value,
            f"over_{kind}_low": better.low,
            f"over_{kind}_high": better.high,
        }
    return figures


def between_accelerators(network: Network, products: dict) -> None:
    """By how much the mean of the product differs between accelerators, each with its own policy."""
    for a, b in combinations(products, 2):
        ratio = lambda x, y: max(x.mean() / y.mean(), y.mean() / x.mean())  # noqa: E731
        columns = spent(products[a]), spent(products[b])
        low, high = resampled(ratio, *columns)
        claim(
            "the accelerator moves energy x latency by more than 1.3", network.name, ratio(*columns), low, high,
            above=1.3, accelerators=f"{a}, {b}",
        )  # fmt: skip


def together(lines: list[dict[str, dict]], names: list[str]) -> None:
    """Means over networks that differ by their seed, for each accelerator."""
    for core in lines[0]:
        columns = {
            key: [line[core][key] for line in lines]
            for key in ("saved", "saved_energy", "saved_latency", "saved_macs", "drop", "chosen_by_macs_costs_more")
        }
        figures = {key: float(np.mean(values)) for key, values in columns.items()}
        figures["each"], figures["each_drop"] = (
            [round(value, 4) for value in columns[key]] for key in ("saved", "drop")
        )
        figures["at_asked_pp"] = {
            asked: {
                key: round(float(np.mean([line[core]["at_asked_pp"][asked][key] for line in lines])), 4)
                for key in ("saved", "drop")
            }
            for asked in lines[0][core]["at_asked_pp"]
        }
        _line.report(
            "energy x latency, mean over networks", figures, {"drop": DROP}, {"saved": 0.6}, networks=names,
            accelerator=core,
        )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--static", nargs="+", type=Path, default=[], help="folders of static networks")
    parser.add_argument("--save", action="store_true", help="replace the committed results")
    given = parser.parse_args()
    torch.set_num_threads(1)
    statics = tuple(map(static_of, given.static))
    measure(of_demo())
    lines = [measure(of_folder(folder, statics)) for folder in given.folders]
    if lines:
        together(lines, [folder.name for folder in given.folders])

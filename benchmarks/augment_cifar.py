"""How many MACs does augmentation save on CIFAR-10 networks that others trained, at which loss of accuracy?

ResNet-20 and ResNet-32 (public checkpoints, trained on all 50,000 training images, so that nothing can be calibrated
there): `ee.augment` with a time budget and nothing else set; the 10,000 test images in two random halves, positions,
designs, temperatures and thresholds from one, figures from the other, both ways, ten shuffles; intervals by bootstrap
over images. What choices lose in a cross-validation within the choosing half is asked for in addition, as `best` does, so
that the drop asked for is expected on the other half. quick: at most 3 minutes for both networks together on 2 cores.
full: at most 45. joint: goes on from the branches that a full run left in --work (else makes them) and fine-tunes the
backbone, too; drops are below the model as it was given. Each network is a process of its own with one thread.
peers: a script of cached features (augment_cached.py) and earlyon 0.3.0 (augment_earlyon.py, --earlyon PYTHON that has
it) beside a quick run found in --work, same network, images and minutes.

Run: python benchmarks/augment_cifar.py quick|full|joint|peers --weights resnet20=FILE resnet32=FILE [--save]
--cpu counts time budgets in seconds of each process instead of the wall's, for machines that others use, too.
--work FOLDER --ship data/cifar10 trains nothing and reports nothing: of the records that an earlier run left in FOLDER it
writes the demo `cifar10`, ResNet-32 made early-exit beside plain ResNet-20.
CIFAR-10 must be where `eeviz.load_dataset("cifar10")` finds it (EEVIZ_DATA).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _line import report

import eeviz as ee
from eeviz.core.solve.cross_fit import crossed
from eeviz.core.table.metrics import mean_interval

DROPS = (0.0, 0.005, 0.009, 0.01)
BAR_AT = 0.009  # asked for where at most 1.0 pp may be reported: what is expected lies on either side of it
SHUFFLES = 10  # twenty halves
BARS = {"quick": 0.40, "full": 0.50, "joint": 0.5875}
LIMIT_SECONDS = {"quick": 180, "full": 2700}
BUDGET_SECONDS = {"quick": 140.0, "full": 2600.0, "joint": 2600.0}  # the rest reads data and decides
GAP_PP = 0.15  # reported minus asked drop, mean over the halves
JOINT_SECONDS = 2100.0
DECIDING = {"max_exits": 3, "allowing": True, "shuffles": SHUFFLES}
EARLY_WEIGHT = 0.3  # of each early exit's loss, the final classifier's is 1
JOINT_RATES = {"learning_rate": 0.05, "backbone_rate": 0.4}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mode", choices=[*BARS, "peers"])
    parser.add_argument(
        "--weights", nargs="+", required=True, metavar="NAME=FILE", help="checkpoints of known networks"
    )
    parser.add_argument("--work", type=Path, help="folder for records and checkpoints; a run found there is resumed")
    parser.add_argument("--figures", action="store_true", help="of the records that an earlier run left in --work")
    parser.add_argument("--only", help="(used by the benchmark itself) augment this network in this process")
    parser.add_argument(
        "--ship", type=Path, metavar="FOLDER", help="write the demo of the records in --work; no figures"
    )
    parser.add_argument("--cpu", action="store_true", help="time budgets in seconds of the process")
    parser.add_argument("--earlyon", metavar="PYTHON", help="a Python that has earlyon, for peers")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    weights = dict(entry.split("=", 1) for entry in options.weights)
    if options.ship:
        if options.work is None or options.mode == "joint":
            parser.error("--ship needs --work, and a mode in which the given networks stay as they are: quick or full.")
        from _cifar_demo import ship

        ship(options.mode, options.work, options.ship)
        return
    if options.only:
        augmented(options.mode, options.only, weights[options.only], options.work, options.cpu)
        return
    if options.mode == "peers":
        if options.work is None:
            parser.error("peers needs --work with the records of a quick run.")
        peers(weights, options.work, options.earlyon, options.cpu)
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        if not options.figures:
            augment_all(options.mode, weights, work)
        tables = {name: ee.ExitRecords.load(work / f"{options.mode}-{name}.npz") for name in weights}
        flows = {name: json.loads((work / f"{options.mode}-{name}.json").read_text()) for name in weights}
        times = json.loads((work / f"{options.mode}.json").read_text())
    report(
        f"augment, {options.mode}: time",
        {
            **times,
            **{f"{name}_seconds": flow["seconds"] for name, flow in flows.items()},
            **{f"{name}_cpu_seconds": flow["cpu_seconds"] for name, flow in flows.items()},
        },
        at_most=_limits(options, flows),
        part=options.mode,
        networks=list(weights),
    )
    for name, records in tables.items():
        figures_of(options.mode, name, records, flows[name])
    if {"resnet20", "resnet32"} <= set(tables):
        sibling(options.mode, tables["resnet32"], flows["resnet20"])


def _limits(options, flows) -> dict:
    """Of the wall, or of the processes together on two cores where those were counted."""
    if options.mode not in LIMIT_SECONDS:
        return {}
    if not options.cpu:
        return {"seconds_for_all": LIMIT_SECONDS[options.mode]}
    return {f"{name}_cpu_seconds": LIMIT_SECONDS[options.mode] for name in flows}


def augment_all(mode: str, names, work: Path) -> None:
    """Each network in a process of its own; records and times in `work`."""
    work.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    each = [
        subprocess.Popen([sys.executable, __file__, *sys.argv[1:], "--work", str(work), "--only", name])
        for name in names
    ]
    if any(process.wait() for process in each):
        sys.exit("a network could not be augmented; see above.")
    seconds, earlier = time.perf_counter() - started, work / "full.json"
    if mode == "joint" and earlier.is_file():
        seconds += json.loads(earlier.read_text())["seconds_for_all"]
    (work / f"{mode}.json").write_text(json.dumps({"seconds_for_all": round(seconds, 1)}))


def augmented(mode: str, name: str, checkpoint: str, work: Path, cpu: bool) -> None:
    """The whole flow for one network: load, read the graph, train branches, collect, solve; records into `work`."""
    import torch

    from eeviz.nn.augment import AugmentRun, JointRecipe, JointRun, plan
    from eeviz.nn.models import classifiers

    torch.set_num_threads(1)
    if cpu:
        plan.clock = time.process_time
    started, cpu_started = time.perf_counter(), time.process_time()
    model = classifiers.load(name, checkpoint)
    test = ee.load_dataset("cifar10", "test")
    parts = [ee.load_dataset("cifar10", split) for split in ("train", "validation")]
    training = (np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts]))
    run = AugmentRun(
        model,
        test,
        training=training,
        time_budget=BUDGET_SECONDS[mode],
        mean=classifiers.IMAGENET_MEAN,
        std=classifiers.IMAGENET_STD,
        checkpoint=work / f"full-{name}.pt" if mode != "quick" else None,
    )
    loaded = time.perf_counter() - started
    steps = told(name, run)
    made, trained = run.result, time.perf_counter() - started
    right = made.records.correct[:, -1]
    if mode == "joint":
        recipe = JointRecipe(epochs=30, time_budget=JOINT_SECONDS, early_weight=EARLY_WEIGHT, **JOINT_RATES)
        joint = JointRun(made, training, test, recipe, checkpoint=work / f"{mode}-{name}-joint.pt")
        steps += told(name, joint)
        made = joint.result
    policy = made.best(max_drop=0.01)  # the decision a user gets; the figures below decide on halves
    expected = made.expected_drop(policy)
    seconds, earlier = time.perf_counter() - started, work / f"full-{name}.json"
    before = {"seconds": 0.0, "images": 0, "cpu_seconds": 0.0}
    if mode == "joint" and earlier.is_file():
        before = json.loads(earlier.read_text())
    made.records.save(work / f"{mode}-{name}.npz")
    flow = {
        "seconds": seconds + before["seconds"],
        "cpu_seconds": time.process_time() - cpu_started + before["cpu_seconds"],
        "loading": loaded,
        "training": trained - loaded,
        "images": steps * run.recipe.batch + before["images"],
        "branches": [f"{made.locations[s.location].name} {s.design} {s.width}: {s.macs}" for s in made.sized],
        "kept": [made.records.exits[k] for k in made.columns(policy)],
        "expected_drop_pp": [round(100 * v, 3) for v in (expected.value, expected.low, expected.high)],
        "right": "".join("01"[int(r)] for r in right),
        "static_macs": made.records.cost().static,
        "notes": list(made.notes),
        "built": [[run.locations[s.location].index, s.design] for s in (run.sized[b] for b in run.alive)],
    }
    (work / f"{mode}-{name}.json").write_text(json.dumps(flow))


def told(name: str, run) -> int:
    """Run to the end, with a line now and then; new batches it took."""
    steps, told_at = 0, -np.inf
    for event in run:
        steps = event.step if event.stage != "calibration" else steps
        if event.seconds > told_at + 30 or event.seconds < told_at:
            told_at = event.seconds
            print(f"{name} {event.stage} {event.progress:.0%}, {event.seconds:.0f} s", file=sys.stderr, flush=True)
    return steps


def figures_of(mode: str, name: str, records: ee.ExitRecords, flow: dict) -> None:
    """One line for each drop below the given model: report drop and saving, with intervals; how far shuffles lie apart."""
    given = given_right(flow)  # before any fine-tuning
    conditions = [{"as_good_as": given - drop} for drop in DROPS]
    for drop, made in zip(DROPS, crossed(records, conditions, **DECIDING), strict=True):
        lost = made.against(given)
        figures = {
            "macs_saved": made.saving.value,
            "macs_saved_interval": rounded(made.saving),
            "drop_pp": -100 * lost.value,
            "drop_pp_interval": [-high for high in rounded(lost, 100)[::-1]],
            "drop_minus_asked_pp": 100 * (-lost.value - drop),
            "shuffles_saved": [round(s["saving"], 4) for s in made.by_shuffle()],
            "shuffles_drop_pp": [round(100 * (given.mean() - right.mean()), 3) for right in made.right],
            "static_accuracy": float(given.mean()),
            "own_final_accuracy": float(made.final.mean()),
            "static_macs": made.static,
        }
        figures["gap_pp"] = abs(figures["drop_minus_asked_pp"])
        bars = {"at_most": {"gap_pp": GAP_PP}}
        if drop == BAR_AT:
            bars = {"at_least": {"macs_saved": BARS[mode]}, "at_most": {"drop_pp": 1.0}}
        report(
            f"augment, {mode}: {name}",
            figures,
            **bars,
            part=mode,
            asked_drop_pp=round(100 * drop, 2),
            images=flow["images"],
            branches=flow["branches"],
            chosen=sorted({records.exits[k] for pair in made.policies for p in pair for k in np.flatnonzero(p.kept)}),
        )
    report(
        f"augment, {mode}: {name} exits",
        {"accuracy": [round(100 * float(a), 2) for a in records.correct.mean(axis=0)]},
        part=mode,
        exits=list(records.exits),
        share_of_macs=[round(float(b / made.static), 4) for b in records.cost().backbone],
        heads=[round(float(h / made.static), 4) for h in records.cost().heads],
    )


def peers(weights: dict[str, str], work: Path, earlyon: str | None, cpu: bool) -> None:
    """The plain script and the peer beside a quick run's records: MACs saved, and by how much less, paired by image."""
    here = Path(__file__).parent
    for name, checkpoint in weights.items():
        ours_table, flow = (
            ee.ExitRecords.load(work / f"quick-{name}.npz"),
            json.loads((work / f"quick-{name}.json").read_text()),
        )
        given = given_right(flow)
        (ours,) = crossed(ours_table, [{"as_good_as": given - 0.01}], **DECIDING)
        rivals = {"cached features": (sys.executable, "augment_cached.py", [])}
        if earlyon:
            rivals["earlyon 0.3.0"] = (
                earlyon,
                "augment_earlyon.py",
                ["--seconds", str(BUDGET_SECONDS["quick"]), *["--cpu"] * cpu],
            )
        for rival, (python, script, more) in rivals.items():
            path = work / f"{script.removesuffix('.py')}-{name}.npz"
            if not path.is_file():
                command = [python, str(here / script), "--weights", f"{name}={checkpoint}", "--out", str(path), *more]
                subprocess.run(command, check=True)
            (theirs,) = crossed(ee.ExitRecords.load(path), [{"as_good_as": given - 0.01}], **DECIDING)
            against(name, rival, "thresholds of this package", ours, theirs.spent, theirs.right, given)
            own = path.with_name(path.stem + "_own.npz")
            if own.is_file():
                with np.load(own, allow_pickle=False) as stored:
                    against(name, rival, "its own thresholds", ours, stored["spent"], stored["right"], given)


def against(name: str, rival: str, words: str, ours, spent: np.ndarray, right: np.ndarray, given: np.ndarray) -> None:
    """One line: a rival's figures, (S, N) each, and how much more of the MACs the default call saves."""
    more = mean_interval(ours.records, (spent.mean(axis=0) - ours.spent.mean(axis=0)) / ours.static)
    report(
        f"augment, peers: {name} against {rival}",
        {
            "macs_saved": ours.saving.value,
            "drop_pp": -100 * ours.against(given).value,
            "rival_macs_saved": float(1 - spent.mean() / ours.static),
            "rival_drop_pp": float(100 * (given.mean() - right.mean())),
            "more_saved": more.value,
            "more_saved_interval": rounded(more),
            "more_saved_low": more.low,
        },
        at_least={"more_saved_low": 0.0},
        part="peers",
        thresholds=words,
        asked_drop_pp=1.0,
    )


def given_right(flow: dict) -> np.ndarray:
    """Where the given model was right, (N,), 0 or 1."""
    return np.array([mark == "1" for mark in flow["right"]], dtype=np.float64)


def sibling(mode: str, larger: ee.ExitRecords, smaller: dict) -> None:
    """ResNet-32 made early-exit against plain ResNet-20, on the same images."""
    right, macs = given_right(smaller), smaller["static_macs"]
    equal, budget = crossed(larger, [{"as_good_as": right}, {"max_cost": macs}], **DECIDING)
    for made, words in ((equal, "asked for its accuracy"), (budget, "asked for its MACs")):
        gain = made.against(right)
        report(
            f"augment, {mode}: resnet32 early-exit against plain resnet20",
            {
                "macs_of_resnet20": float(made.spent.mean() / macs),
                "accuracy_gain_pp": 100 * gain.value,
                "accuracy_gain_pp_interval": rounded(gain, 100),
            },
            part=mode,
            condition=words,
        )


def rounded(interval, scale: float = 1.0) -> list[float]:
    return [round(scale * interval.low, 4), round(scale * interval.high, 4)]


if __name__ == "__main__":
    main()

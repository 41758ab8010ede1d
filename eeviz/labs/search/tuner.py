"""Fine-tuning as a job of its own, and the weights as a file."""

from __future__ import annotations

import io
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...core.solve.thresholds import tune
from ...core.table.policy import Policy, route
from ...core.table.records import ExitRecords
from ...jobs import Job, JobState
from .selecting import untuned
from .state import Selection, Tuned


class Tuner:
    """One network at a time is trained on; the result joins `state.tuned` and becomes the selection."""

    def __init__(self, app, *, inline: bool = False):
        self.app, self.state = app, app.state
        self._job = Job(self._take, self._ended, inline=inline)
        self._networks: dict[int, Tuned] = {}

    def start(self, selection: Selection, epochs: int) -> None:
        """Train a candidate's network for so many epochs. Raises ValueError while another is in training."""
        if self.state.tuning:
            raise ValueError("another network is being fine-tuned: wait, or stop it first.")
        self.state.tuning_share, self.state.tuning = 0.0, f"Fine-tuning {selection.name}: preparing."
        self._job.start(lambda: self._work(selection, epochs))

    def stop(self) -> None:
        """End at the next epoch; nothing of it is kept."""
        self._job.cancel()

    def join(self, timeout: float | None = None) -> None:
        """Wait for the worker: for tests and scripts."""
        self._job.join(timeout)

    def _work(self, selection: Selection, epochs: int) -> Iterator:
        from ...nn.train.joint import Recipe

        started = time.monotonic()
        run = self.app.driver.run_of(selection.method)
        network = untuned(run, selection)
        recipe = Recipe(epochs=epochs, learning_rate=0.02, warm_up=0.2)
        yield 0.0, f"Fine-tuning {selection.name}: epoch 1 of {epochs} is under way."
        for end in run.fine_tuning(network, recipe):
            words = f"Fine-tuning {selection.name}: epoch {end.epoch} of {end.epochs} done, {end.seconds:.0f} s each."
            yield end.epoch / end.epochs, words
        yield self._measured(run, selection, network, epochs, time.monotonic() - started)

    def _measured(self, run, selection: Selection, network, epochs: int, seconds: float) -> Tuned:
        """The trained network on search-validation, thresholds tuned there within the old mean cost.

        Its accuracy and mean cost are cross-fitted, as a candidate's: each half under thresholds tuned on the other.
        """
        from ...nas.cross_fitting import parts_of, shares

        cost, measure = run.goal.cost, run.method.measure
        records = measured(run, selection, network)

        def tuned(part: ExitRecords) -> Policy:
            try:
                return tune(part, max_cost=selection.mean_cost, cost=cost)
            except ValueError:  # not even its cheapest policy is within the old cost
                return selection.own_policy

        parts = [records.subset(index) for index in parts_of(records)]
        scores = [route(parts[k], tuned(parts[1 - k]), cost) for k in (0, 1)]
        by_weight, by_number = shares(parts)
        accuracy = float(by_weight @ [score.accuracy for score in scores])
        mean_cost = float(by_number @ [score.mean_cost for score in scores])
        policy = tuned(records)
        routing = route(records, policy, cost)
        trained = replace(
            selection,
            policy=policy,
            own_policy=policy,
            accuracy=accuracy,
            mean_cost=mean_cost,
            worst_cost=routing.worst_cost,
            shares=tuple(float(s) for s in routing.share),
            tuned=f"fine-tuned for {epochs} epoch{'s' if epochs > 1 else ''}",
        )
        return Tuned(trained, network, records, measure, epochs, seconds)

    def _take(self, result) -> None:
        if isinstance(result, Tuned):
            self.state.tuned = (*self.state.tuned, result)
            self.state.select(result.selection)
            return
        self.state.tuning_share, self.state.tuning = result

    def _ended(self, job: Job) -> None:
        if job.state is JobState.RUNNING:
            return
        self.state.tuning, self.state.tuning_share = "", 0.0
        if job.state is JobState.FAILED:
            self.app.status.fail(job.error, "fine-tuning")
        elif job.state is JobState.CANCELLED:
            self.app.status.info("Fine-tuning ends with the epoch under way; its weights are dropped.")
        else:
            one = self.state.tuned[-1]
            self.app.status.info(f"Fine-tuned in {one.seconds:.0f} s: drawn as a star, and selected.")


def measured(run, selection: Selection, network) -> ExitRecords:
    """A network of the selection's own exits on search-validation; weights and groups of the samples as in its table."""
    from ...nn.collect import collect
    from ...nn.learned import LearnedExitNetwork, collect_learned

    images, costs = run.evaluator.data("validation"), run.evaluator.costs(selection.genome, False)
    old = run.records(selection.candidate)
    images = images if old.group is None else replace(images, groups=old.group)
    if isinstance(network, LearnedExitNetwork):
        return collect_learned(network, images, costs=costs, weight=old.weight)
    return collect(network, images, measure=run.method.measure, costs=costs, weight=old.weight)


def archive(network, selection: Selection, space, measure: str) -> bytes:
    """A zip of weights.safetensors and architecture.json for `eeviz.nn.network_file.load`; beside the architecture the
    thresholds, and the confidence that they are for, as `infer` takes them.
    """
    from ...nn import learned, network_file

    measure = learned.MEASURE if measure == "learned" else measure
    described = network_file.described(space, selection.genome, network)
    described |= {"thresholds": list(selection.own_policy.thresholds), "measure": measure}
    out = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(out, "w") as file:
        network_file.save(network, described, folder)
        for name in network_file.FILES:
            file.write(Path(folder) / name, name)
    return out.getvalue()

"""Certified thresholds: the cheapest policy on a fixed path whose risk is below a bound, with a stated probability.

Fixed-sequence testing along a path that these samples had no part in (Learn then Test, Angelopoulos et al. 2021,
arXiv:2110.01052; of early exits, Jazbec et al. 2024, arXiv:2405.20915): from its cautious end on, each policy's null
hypothesis "its risk is above the bound" is tested; the last policy before the first that fails is certified. The path may
have any length, for the first failure ends it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..table.policy import Policy, Routing, route
from ..table.records import ExitRecords
from .front import Front

LOSSES = ("early wrong, final right", "disagreement")
UNITS = ("sample", "group")


@dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """A policy whose risk is at most `risk` with probability 1 - `delta` over the draw of the samples it was tested on.

    n : samples (or groups, see `unit`) tested. losses : their mean loss. p_value : of the certified policy. index, length : its
    place on the path, from the cautious end. mean_cost, uncertified_cost : of it, and of the last policy on the path whose
    measured risk is within the bound, in the unit of the cost. voided : what makes it void, in sentences.
    """

    policy: Policy
    risk: float
    delta: float
    loss: str
    unit: str
    n: int
    losses: float
    p_value: float
    index: int
    length: int
    mean_cost: float
    uncertified_cost: float
    split: str
    temperature: tuple[float, ...] | None
    measure: str

    def __repr__(self) -> str:
        return (
            f"Certificate({self.policy}: risk ({self.loss}) at most {100 * self.risk:g} % with probability "
            f"{1 - self.delta:g}, {self.n:,} {self.unit}s of {self.split or 'these records'}, p = {self.p_value:.2g})"
        )

    @property
    def extra_cost(self) -> float:
        """What certainty costs: share of mean cost above the policy that only measures as good."""
        return self.mean_cost / self.uncertified_cost - 1

    def voided_by(self, policy: Policy, records: ExitRecords | None = None) -> str:
        """Why the certificate says nothing of this policy, or of these records' confidences; "" where it holds."""
        if policy != self.policy:
            return "The thresholds or exits are not the certified ones."
        if records is not None and (records.temperature, records.measure) != (self.temperature, self.measure):
            return "The confidences are made otherwise (another measure or temperatures) than when it was certified."
        return ""


def certify(
    records: ExitRecords,
    path: Front | Sequence[Policy] | str = "one threshold",
    risk: float = 0.02,
    delta: float = 0.05,
    loss: str = LOSSES[0],
    unit: str = "sample",
    cost: str = "macs",
) -> Certificate:
    """The cheapest policy on `path` whose risk is certified to be at most `risk`, with probability 1 - delta.

    path : made without these samples: the front of another split, policies from the cautious end on, or "one threshold"
    for all exits, falling from 1 to 0. loss : of `LOSSES`, 1 for a sample that leaves early with a wrong answer where the
    final classifier is right, or with another answer than its. unit : "group" takes the mean loss of whole groups
    (patients, speakers), with the Hoeffding-Bentkus bound (Bates et al. 2021, arXiv:2101.02703) in place of the exact
    binomial one; records with groups are refused sample by sample, for their samples are not independent.

    Raises ValueError for weighted records, bad arguments, and where not even the cautious end can be certified, saying how
    many samples it takes at least.

    >>> demo = ee.load_demo("fashion")
    >>> ee.certify(demo.test, ee.front(demo.validation), risk=0.02).extra_cost < 0.5
    True
    """
    if not 0 < risk < 1 or not 0 < delta < 1:
        raise ValueError(f"risk and delta: expected shares between 0 and 1, got {risk!r} and {delta!r}.")
    if loss not in LOSSES or unit not in UNITS:
        raise ValueError(f"loss: one of {', '.join(LOSSES)}; unit: one of {', '.join(UNITS)}; got {loss!r}, {unit!r}.")
    if records.weight is not None:
        raise ValueError("these records are weighted: a certificate is of the share of samples; leave the weights out.")
    if unit == "sample" and records.group is not None:
        raise ValueError('samples of one group are not independent: certify whole groups, unit="group".')
    if unit == "group" and records.group is None:
        raise ValueError("these records have no groups.")
    policies = _policies(records, path)
    certified, measured = None, None
    going = True
    for index, policy in enumerate(policies):
        routing = route(records, policy, cost)
        losses = losses_of(records, routing, loss)
        if unit == "group":
            losses = _by_group(losses, records.group)
        mean = float(losses.mean())
        if mean <= risk:
            measured = routing.mean_cost
        if going:
            p = p_value(losses, risk)
            going = p <= delta
            if going:
                certified = (index, policy, routing, mean, p, len(losses))
    if certified is None:
        least = math.ceil(math.log(delta) / math.log1p(-risk))
        there = len(np.unique(records.group)) if unit == "group" else len(records)
        raise ValueError(
            f"not even the cautious end of the path can be certified at a risk of {100 * risk:g} %: it takes at least "
            f"{least:,} {unit}s without a loss, more with some; there are {there:,}."
        )
    index, policy, routing, mean, p, n = certified
    return Certificate(
        policy, risk, delta, loss, unit, n, mean, p, index, len(policies), routing.mean_cost,
        measured if measured is not None else routing.mean_cost, records.split, records.temperature, records.measure,
    )  # fmt: skip


def losses_of(records: ExitRecords, routing: Routing, loss: str = LOSSES[0]) -> np.ndarray:
    """(N,) 0 or 1: what each sample loses by leaving where it does."""
    answer = records.predicted[np.arange(len(records)), routing.exit_of]  # (N,)
    final = records.predicted[:, -1]
    if loss == "disagreement":
        return (answer != final).astype(np.float64)
    return ((answer != records.label) & (final == records.label)).astype(np.float64)


def p_value(losses: np.ndarray, risk: float) -> float:
    """P-value of "the mean loss is above `risk`" from losses (n,): exact binomial for 0 and 1, else Hoeffding-Bentkus."""
    n, mean = len(losses), float(np.mean(losses))
    if np.isin(losses, (0.0, 1.0)).all():
        return binomial_tail(round(n * mean), n, risk)
    bentkus = math.e * binomial_tail(math.ceil(n * mean), n, risk)
    low = min(mean, risk)
    divergence = (1 - low) * math.log((1 - low) / (1 - risk)) + (low * math.log(low / risk) if low else 0.0)
    return min(1.0, bentkus, math.exp(-n * divergence))


def binomial_tail(k: int, n: int, p: float) -> float:
    """P(X <= k) of a binomial X of n trials with probability p; summed in logarithms."""
    if k >= n:
        return 1.0
    i = np.arange(1, k + 1)
    terms = np.append(0.0, np.cumsum(np.log((n - i + 1) / i) + math.log(p) - math.log1p(-p))) + n * math.log1p(-p)
    top = terms.max()
    return float(min(1.0, np.exp(top) * np.exp(terms - top).sum()))


def _policies(records: ExitRecords, path) -> list[Policy]:
    if isinstance(path, str):
        if path != "one threshold":
            raise ValueError(f'path: expected a front, policies or "one threshold", got {path!r}.')
        if len(np.unique(records.position)) < records.exits_count:
            raise ValueError(
                "exits are alternatives at one position: give a path of policies, or a front of another split."
            )
        return [Policy((float(t),) * (records.exits_count - 1)) for t in np.linspace(1, 0, 101)]
    if isinstance(path, Front):
        return [path.policy(i) for i in range(len(path) - 1, -1, -1)]  # the most expensive first
    policies = list(path)
    if not policies or not all(isinstance(policy, Policy) for policy in policies):
        raise ValueError("path: expected policies, from the cautious end on.")
    return policies


def _by_group(losses: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(G,) mean loss of each group."""
    _, index = np.unique(group, return_inverse=True)
    return np.bincount(index, losses) / np.bincount(index)

"""Why one sample left where it did, in words and numbers; and which samples left where, from easy to hard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..table.format import percent, quantity
from ..table.policy import Policy, Routing, check
from ..table.records import ExitRecords

DIGITS = (2, 3, 4, 5, 6, 8)


@dataclass(frozen=True)
class Step:
    """One exit as this sample meets it.

    confidence in [0, 1); threshold None where the exit is removed or final. reached: the sample got this far.
    leaves: it left here. said, right: the exit's class name, and whether it is the true one, asked or not.
    confidence_text, threshold_text: with as many digits as it takes to see which is larger. rule: what happened here.
    """

    exit: str
    confidence: float
    threshold: float | None
    kept: bool
    reached: bool
    leaves: bool
    said: str
    right: bool
    confidence_text: str
    threshold_text: str
    rule: str


@dataclass(frozen=True)
class Explanation:
    """Everything about one sample under one policy; `rule` + `paid` + `hindsight` is the whole story in words.

    cost and static_cost in `unit`: what it paid, and what the static network pays for every sample.
    """

    index: int
    true: str
    answer: str
    right: bool
    exit: int
    steps: tuple[Step, ...]
    cost: float
    static_cost: float
    unit: str
    paid: str
    hindsight: str

    @property
    def rule(self) -> str:
        """The rule applied at each exit up to the one taken, one sentence each."""
        return " ".join(step.rule for step in self.steps if step.rule)

    @property
    def text(self) -> str:
        """The whole story."""
        return " ".join(part for part in (self.rule, self.paid, self.hindsight) if part)


def class_name(records: ExitRecords, index: int) -> str:
    """Name of a class, or "class 7" where classes have no names."""
    return records.classes[index] if records.classes else f"class {int(index)}"


def explain(records: ExitRecords, policy: Policy, index: int, cost: str = "macs") -> Explanation:
    """Why sample `index` leaves where it does, as plain text (not escaped for HTML).

    Raises ValueError when there is no such sample or the policy does not fit.
    """
    check(records, policy)
    if isinstance(index, bool) or not isinstance(index, (int, np.integer)) or not 0 <= index < len(records):
        raise ValueError(f"sample {index!r} does not exist: choose one from 0 to {len(records) - 1}.")
    index, last = int(index), records.exits_count - 1
    confidence = records.confidence[index]  # (E,) float32
    passed = [t is not None and bool(confidence[k] >= np.float32(t)) for k, t in enumerate(policy.thresholds)]
    leaves_at = passed.index(True) if True in passed else last
    steps = tuple(_step(records, policy, index, k, leaves_at) for k in range(last + 1))
    charge = records.cost(cost)
    paid = float(charge.at(policy.kept)[leaves_at])
    return Explanation(
        index=index,
        true=class_name(records, records.label[index]),
        answer=steps[leaves_at].said,
        right=steps[leaves_at].right,
        exit=leaves_at,
        steps=steps,
        cost=paid,
        static_cost=charge.static,
        unit=charge.unit,
        paid=_paid(paid, charge.static, charge.unit),
        hindsight=_hindsight(steps, leaves_at),
    )


def _step(records: ExitRecords, policy: Policy, index: int, k: int, leaves_at: int) -> Step:
    final = k == records.exits_count - 1
    threshold = None if final else policy.thresholds[k]
    confidence = records.confidence[index, k]
    said, right = class_name(records, records.predicted[index, k]), bool(records.correct[index, k])
    reached, leaves, kept = k <= leaves_at, k == leaves_at, final or threshold is not None
    shown, limit = apart(confidence, threshold) if threshold is not None else (_number(confidence, DIGITS[0]), "")
    name, verdict = _sentence_case(records.exits[k]), "right" if right else "wrong"
    if not reached:
        rule = ""
    elif final:
        rule = f"{name}: nothing left to ask, leaves here as {said}: {verdict}."
    elif not kept:
        rule = f"{name}: removed, passed by."
    elif leaves:
        rule = f"{name}: {shown} ≥ {limit}, leaves here as {said}: {verdict}."
    else:
        rule = f"{name}: {shown} < {limit}, go on."
    return Step(
        exit=records.exits[k],
        confidence=float(confidence),
        threshold=threshold,
        kept=kept,
        reached=reached,
        leaves=leaves,
        said=said,
        right=right,
        confidence_text=shown,
        threshold_text=limit,
        rule=rule,
    )


def _sentence_case(name: str) -> str:
    return name[:1].upper() + name[1:]


def apart(confidence: np.float32, other: float) -> tuple[str, str]:
    """Two confidences in words, with the fewest digits at which rounding keeps the order that float32 sees."""
    confidence, other = np.float32(confidence), np.float32(other)
    for digits in DIGITS:
        shown, told = _number(confidence, digits), _number(other, digits)
        if shown != told or confidence == other:
            return shown, told
    return repr(float(confidence)), repr(float(other))


def _number(value: np.float32, digits: int) -> str:
    if np.float32(0) < np.float32(1) - value and round(float(value), digits) >= 1:
        return f"0.{'9' * digits}"  # a confidence below 1 never reads as 1: no rounding turns "almost" into "sure"
    return f"{float(value):.{digits}f}"


def _paid(paid: float, static: float, unit: str) -> str:
    if static <= 0:
        return f"It paid {quantity(paid, unit)}."
    return (
        f"It paid {quantity(paid, unit)}, {percent(paid / static, 0)} of the static network's {quantity(static, unit)}."
    )


def _hindsight(steps: tuple[Step, ...], leaves_at: int) -> str:
    here, final = steps[leaves_at], steps[-1]
    earlier = next((step for step in steps[:leaves_at] if step.kept and step.right), None)
    later = next((step for step in steps[leaves_at + 1 :] if step.kept and step.right), None)
    if not here.right and later:
        return f"{_sentence_case(later.exit)} would have been right: {later.said}."
    if not here.right:
        return f"Yet {earlier.exit} had it right: {earlier.said}." if earlier else "No exit has it right."
    if not final.right:
        return f"The final classifier would have got it wrong: {final.said}."
    return f"{_sentence_case(earlier.exit)} had it right already, for less." if earlier else ""


def leaving(
    records: ExitRecords, routing: Routing, exit_index: int, of_class: int | None = None, right: bool | None = None
):
    """(M,) indices of the samples leaving at an exit, easy to hard: by confidence there, descending, then by index.

    of_class : only samples of this true class. right : only those answered right (True) or wrong (False).
    """
    chosen = routing.exit_of == exit_index
    if of_class is not None:
        chosen &= records.label == of_class
    if right is not None:
        chosen &= routing.right == right
    index = np.flatnonzero(chosen)
    return index[np.argsort(-records.confidence[index, exit_index], kind="stable")]


def spread(index: np.ndarray, count: int) -> np.ndarray:
    """At most `count` entries of an ordered array, evenly spaced by rank, the first and the last among them."""
    if len(index) <= count:
        return index
    return index[np.linspace(0, len(index) - 1, max(count, 1)).round().astype(np.int64)]

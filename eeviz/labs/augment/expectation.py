"""What a decision is expected to lose on samples that had no part in it, and what is asked of it therefore."""

from __future__ import annotations

from functools import lru_cache

from ...core.solve.cross_fit import CrossValidated, cross_validated
from ...core.table.metrics import Interval, own_accuracy
from .settings import Settings
from .state import Trained


@lru_cache(maxsize=4)
def held_out(trained: Trained, max_exits: int) -> CrossValidated:
    """What choices lose on other samples, as drops from the model as it was given, along the front in MACs.

    Raises ValueError where there are too few samples, or groups, for a cross-validation.
    """
    records = trained.records
    cost = "macs" if "macs" in records.costs else next(iter(records.costs))
    return cross_validated(
        records, trained.right, cost=cost, max_exits=max_exits, refit=records.logits is not None
    )  # fmt: skip


def asked_for(trained: Trained, settings: Settings) -> float:
    """The accuracy to ask of a decision on the samples that decide, so that the drop asked for is expected on others."""
    try:
        more = held_out(trained, settings.max_exits).more(settings.max_drop)
    except ValueError:
        more = 0.0
    surely = float(own_accuracy(trained.records).max())  # one exit alone reaches it
    least = trained.final - settings.max_drop
    return max(least, min(least + more, surely))


def expected_drop(trained: Trained, settings: Settings, accuracy: float) -> Interval | None:
    """The drop to expect of a decision that reaches `accuracy` on the samples that decide; None where it cannot be told."""
    try:
        return held_out(trained, settings.max_exits).drop(accuracy - trained.final)
    except ValueError:
        return None

"""Link: the view as a value that an address or a line of code brings back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...core.table.policy import Policy
from ...labs.address import parameters


@dataclass(frozen=True)
class Link:
    """What is asked for at the start; None where the records decide."""

    policy: Policy | None = None
    measure: str | None = None
    calibrated: bool | None = None
    cost: str | None = None
    hide: tuple[str, ...] = ()
    projector: bool = False
    demo: str = ""  # another than the notebook's


def from_query(link: Link, query: str | None = None) -> Link:
    """`link` with what the page's address asks for instead. Raises ValueError for thresholds that are no numbers."""
    asked = parameters(query)
    if asked.get("t"):
        link = replace(link, policy=Policy([_threshold(word) for word in asked["t"].split(",")]))
    if "m" in asked:
        link = replace(link, measure=asked["m"])
    if "cal" in asked:
        link = replace(link, calibrated=asked["cal"] == "1")
    if "cost" in asked:
        link = replace(link, cost=asked["cost"])
    if "hide" in asked:
        link = replace(link, hide=tuple(part for part in asked["hide"].split(",") if part))
    if "projector" in asked:
        link = replace(link, projector=asked["projector"] == "1")
    if "demo" in asked:
        link = replace(link, demo=asked["demo"])
    return link


def _threshold(word: str) -> float | None:
    if word.strip().lower() in ("off", "none"):
        return None
    try:
        return float(word)
    except ValueError as error:
        raise ValueError(f"threshold {word!r} is neither a number nor “off”.") from error


def to_query(link: Link) -> dict[str, str]:
    """The parameters of an address; the inverse of `from_query`."""
    query = {}
    if link.policy is not None:
        query["t"] = ",".join("off" if t is None else _short(t) for t in link.policy.thresholds)
    if link.measure:
        query["m"] = link.measure
    query["cal"] = "1" if link.calibrated else "0"
    if link.cost:
        query["cost"] = link.cost
    if link.hide:
        query["hide"] = ",".join(link.hide)
    if link.projector:
        query["projector"] = "1"
    if link.demo:
        query["demo"] = link.demo
    return query


def _short(threshold: float) -> str:
    return str(np.float32(threshold))  # shortest digits that round to the same float32


def to_code(link: Link, subject: str) -> str:
    """The Python line that brings the view back; subject: the first argument as written."""
    words = [subject]
    if link.policy is not None:
        words.append(f"policy=ee.{link.policy!r}")
    if link.measure:
        words.append(f"measure={link.measure!r}")
    if link.calibrated is not None:
        words.append(f"calibrated={link.calibrated}")
    if link.cost and link.cost != "macs":
        words.append(f"cost={link.cost!r}")
    if link.hide:
        words.append(f"hide={list(link.hide)!r}")
    if link.projector:
        words.append("projector=True")
    return f"ee.explore({', '.join(words)})"

"""ExplorerState: the one place where the explorer's current values live. Controls write the policy; views observe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from traitlets import Any, Bool, Instance, Int, Tuple, Unicode, observe

from ...core.table.calibration import fit_temperature
from ...core.table.metrics import default_policy, threshold_for_share
from ...core.table.policy import Policy, Routing, check, route
from ...core.table.records import ExitRecords
from ...labs.state import History


@dataclass(frozen=True)
class Setting:
    """What undo brings back: thresholds and how confidences are made."""

    policy: Policy
    measure: str
    calibrated: bool


@dataclass(frozen=True)
class Look:
    """One reading of the report split: when, and with which setting."""

    time: str
    setting: Setting


class ExplorerState(History):
    """Current values of one explorer; every value is immutable and replaced whole, under one lock.

    source : records of the tuning split as given; report_source : of the report split, or None.
    records, report : the same with the chosen confidence measure and temperatures. routing : of records.
    """

    source = Instance(ExitRecords)
    report_source = Any(None)  # ExitRecords, a function that loads them on first use, or None
    mine_source = Instance(ExitRecords, allow_none=True)
    shifted_source = Any(())  # tuple of (label, ExitRecords), or a function that loads it on first use
    static = Tuple()  # of StaticNetwork, costs in MACs
    measure = Unicode("")
    calibrated = Bool(False)
    cost = Unicode("macs")
    records = Instance(ExitRecords)
    policy = Instance(Policy)
    routing = Instance(Routing)
    pins = Instance(dict, ())
    looks = Tuple()
    report_open = Bool(False)
    selected = Int(None, allow_none=True)

    def __init__(self, source: ExitRecords, *, policy: Policy | None = None, measure=None, calibrated=None, **traits):
        self._temperatures: dict[int, tuple[float, ...]] = {}
        traits.setdefault("cost", "macs" if "macs" in source.costs else next(iter(source.costs)))
        super().__init__(source=source, **traits)
        self.measure = measure or source.measure
        self.calibrated = source.temperature is not None if calibrated is None else calibrated
        self.records = self._made(source)
        policy = policy or default_policy(self.records)
        check(self.records, policy)
        self.policy = policy
        self.routing = route(self.records, policy, self.cost)

    @property
    def report_records(self) -> ExitRecords | None:
        """The report split with the tuning split's measure and temperatures; loaded when first asked for."""
        if callable(self.report_source):
            self.report_source = self.report_source()
        return None if self.report_source is None else self.like_tuning(self.report_source)

    @property
    def shifted(self) -> tuple[tuple[str, ExitRecords], ...]:
        """(label, records) of the shifted inputs, likewise."""
        if callable(self.shifted_source):
            self.shifted_source = self.shifted_source()
        return tuple((label, self.like_tuning(records)) for label, records in self.shifted_source)

    @property
    def setting(self) -> Setting:
        return Setting(self.policy, self.measure, self.calibrated)

    def set_policy(self, policy: Policy, remember: bool = True) -> None:
        """The only way a policy changes. Raises ValueError when it does not fit; then nothing has changed."""
        with self.lock:
            if policy == self.policy:
                return
            self._apply(Setting(policy, self.measure, self.calibrated), remember)

    def set_confidence(self, measure: str | None = None, calibrated: bool | None = None) -> None:
        """Another measure or temperature; thresholds move so that each exit's share of confident samples stays."""
        with self.lock:
            measure = self.measure if measure is None else measure
            calibrated = self.calibrated if calibrated is None else calibrated
            if (measure, calibrated) == (self.measure, self.calibrated):
                return
            old, new = self.records, self._made(self.source, measure, calibrated)
            moved = [
                None
                if t is None
                else threshold_for_share(new, k, float(np.mean(old.confidence[:, k] >= np.float32(t))))
                for k, t in enumerate(self.policy.thresholds)
            ]
            self._apply(Setting(Policy(moved), measure, calibrated), True)

    def set_cost(self, cost: str) -> None:
        """Charge another of the records' costs."""
        with self.lock:
            routing = route(self.records, self.policy, cost)
            with self.hold_trait_notifications():
                self.cost, self.routing = cost, routing

    def open_records(self, source: ExitRecords, report=None, static=(), shifted=()) -> None:
        """Replace the network under view; history, pins, looks and everything about the old one go.

        report, static, shifted : as the traits report_source, static and shifted_source.
        """
        with self.lock:
            fresh = ExplorerState(source, report_source=report)
            self._temperatures = {}
            with self.hold_trait_notifications():
                self.static, self.shifted_source, self.mine_source = tuple(static), shifted, None
                self.report_source = report
                self.source, self.records = source, fresh.records
                self.measure, self.calibrated = fresh.measure, fresh.calibrated
                self.cost, self.policy, self.routing = fresh.cost, fresh.policy, fresh.routing
                self.pins, self.looks, self.report_open, self.selected = {}, (), False, None
                self._forget()

    def pin(self, name: str) -> None:
        """Keep the current setting under a name, "A" or "B"."""
        self.pins = {**self.pins, name: self.setting}

    def go_to_pin(self, name: str) -> None:
        """Return to a pinned setting. Raises ValueError when nothing is pinned there."""
        if name not in self.pins:
            raise ValueError(f"nothing is pinned as {name} yet: press “Pin {name}” first.")
        with self.lock:
            if self.pins[name] != self.setting:
                self._apply(self.pins[name], True)

    def look(self) -> None:
        """Open the report split for the current setting and log the reading."""
        if self.report_source is None:
            raise ValueError(
                "these records have no report split: open a second file as report, or explore(rec, report=...)."
            )
        with self.lock, self.hold_trait_notifications():
            self.looks = (*self.looks, Look(datetime.now(UTC).isoformat(timespec="seconds"), self.setting))
            self.report_open = True

    def made(self, setting: Setting) -> ExitRecords:
        """The tuning split's records with the confidences of a setting."""
        return self._made(self.source, setting.measure, setting.calibrated)

    def like_tuning(self, source: ExitRecords) -> ExitRecords:
        """Other records of the same network with the measure and the temperatures of the tuning split."""
        if source.logits is None or self.source.logits is None:
            return source
        return source.with_confidence(self.measure, self.temperatures() if self.calibrated else None)

    def _shown(self) -> Setting:
        return self.setting

    def _restore(self, value: Setting) -> None:
        self._apply(value, False)

    def _apply(self, setting: Setting, remember: bool) -> None:
        same = (setting.measure, setting.calibrated) == (self.measure, self.calibrated)
        records = self.records if same else self._made(self.source, setting.measure, setting.calibrated)
        routing = route(records, setting.policy, self.cost)
        if remember:
            self._remember()
        with self.hold_trait_notifications():
            self.report_open = False
            self.measure, self.calibrated, self.records = setting.measure, setting.calibrated, records
            self.policy, self.routing = setting.policy, routing
            self._flags()

    def _made(self, source: ExitRecords, measure: str | None = None, calibrated: bool | None = None) -> ExitRecords:
        measure = self.measure if measure is None else measure
        calibrated = self.calibrated if calibrated is None else calibrated
        if (measure, calibrated) == (source.measure, source.temperature is not None):
            return source
        return source.with_confidence(measure or "max_probability", self.temperatures() if calibrated else None)

    def temperatures(self) -> tuple[float, ...]:
        """(E,) temperatures of the tuning split: its own, else fitted on it once. Raises ValueError without logits."""
        if self.source.temperature is not None:
            return self.source.temperature
        if self.source.logits is None:
            raise ValueError("these records hold no logits: no temperature can be fitted.")
        key = id(self.source)
        if key not in self._temperatures:
            self._temperatures = {key: tuple(fit_temperature(self.source.logits, self.source.label))}
        return self._temperatures[key]

    @observe("selected")
    def _inside(self, change) -> None:
        if change.new is not None and not 0 <= change.new < len(self.records):
            raise ValueError(f"sample {change.new} does not exist: there are {len(self.records)}.")

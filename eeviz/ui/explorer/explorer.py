"""The explorer: one network's table under the user's hand. `explore` builds it; `Explorer` is what the caller keeps."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from ...catalogue import Demo, load_demo
from ...core.table.policy import Policy, Routing
from ...core.table.records import ExitRecords
from ..page.facade import Facade, checked_parts
from ..standalone.page import PARTS, write
from .app import ExplorerApp
from .link import Link, from_query
from .opening import demo_parts
from .saving import view_of
from .state import ExplorerState, Look


class Explorer(Facade):
    """Facade of one explorer: plain values in and out, displayed by Jupyter.

    policy (settable), routing, records, code, url, looks; undo(), redo(), save_html(path).
    """

    state: ExplorerState
    _app: ExplorerApp

    @property
    def policy(self) -> Policy:
        return self.state.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self.state.set_policy(policy)

    @property
    def routing(self) -> Routing:
        return self.state.routing

    @property
    def records(self) -> ExitRecords:
        return self.state.records

    @property
    def looks(self) -> tuple[Look, ...]:
        """Every reading of the report split, with its time and setting."""
        return self.state.looks

    def undo(self) -> None:
        self.state.undo()

    def redo(self) -> None:
        self.state.redo()

    def save_html(self, path: str | PathLike, title: str = "", samples: int | None = None) -> Path:
        """Write the explorer as it stands as one HTML file that needs no Python: the records, the report split (shut), the
        thresholds, the hidden parts. title, samples and errors as for `ee.page`.

        >>> file = ee.explore("fashion").save_html("fashion.html", samples=500)
        """
        return write(view_of(self._app, title), path, samples)

    def __repr__(self) -> str:
        return f"Explorer({self.records!r}, {self.policy!r})"


def explore(
    records: ExitRecords | Demo | str = "fashion",
    hide: Sequence[str] = (),
    policy: Policy | None = None,
    *,
    report: ExitRecords | None = None,
    mine: ExitRecords | None = None,
    measure: str | None = None,
    calibrated: bool | None = None,
    cost: str | None = None,
    projector: bool = False,
) -> Explorer:
    """Open the explorer on records, a demo or a demo's name.

    hide : parts to take away, of `PARTS`. policy : where to start. report : records of the split that stays shut until
    asked for. mine : a second network on the same chart. measure, calibrated, cost : as in the panel. projector : large
    type. In Voila the page's address overrides them (t, m, cal, cost, hide, projector).

    Raises ValueError where they do not fit.

    >>> explorer = ee.explore("fashion", policy=ee.Policy((0.9, None, 0.95)))
    >>> explorer.policy
    Policy((0.9, None, 0.95))
    """
    name, given_name, static, shifted, complaint = "", "", (), (), ""
    if isinstance(records, str):
        records = load_demo(records)
    if isinstance(records, Demo):
        given_name, demo = records.name, records
        try:
            wanted = from_query(Link()).demo
            demo = load_demo(wanted) if wanted else records
        except ValueError as error:
            complaint = f"The address does not fit: {error}"
        name, brought = demo.name, demo_parts(demo)
        static, shifted = brought["static"], brought["shifted"]
        if report is None or demo is not records:
            report = brought["report"]
        records = demo.validation
    if isinstance(hide, str):
        raise ValueError(f'hide: expected a list of names such as ["{hide}"], got one string.')
    given = Link(policy, measure, calibrated, cost, tuple(hide), projector)
    if name != given_name:  # what the notebook asks for is of another network
        given = Link(hide=tuple(hide), projector=projector)
    parts = {"report": report, "mine": mine, "static": static, "shifted": shifted}
    try:
        asked = from_query(given)
        state = _state(records, asked, **parts)
    except ValueError as error:
        # what the address asks for is untrusted: open with what the notebook asked for, if that fits, and say so
        asked, complaint = given, f"The address does not fit: {error}"
        state = _state(records, given, **parts)
    return Explorer(ExplorerApp(state, name=name, given=given_name, hide=asked.hide, complaint=complaint))


def _state(records: ExitRecords, asked: Link, report, mine, static, shifted) -> ExplorerState:
    checked_parts(asked.hide, PARTS)
    state = ExplorerState(
        records,
        report_source=report,
        mine_source=mine,
        static=tuple(static),
        shifted_source=shifted,
        policy=asked.policy,
        measure=asked.measure,
        calibrated=asked.calibrated,
        projector=asked.projector,
        **({"cost": asked.cost} if asked.cost else {}),
    )
    if isinstance(report, ExitRecords) and report.exits_count != records.exits_count:
        raise ValueError(f"report: has {report.exits_count} exits, the tuning records {records.exits_count}.")
    return state

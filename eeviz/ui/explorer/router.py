"""Router: headline, one control row per exit and the routing picture in one widget that routes in the browser.

The page holds the records as binary buffers and redraws at display rate; Python hears of thresholds at rest only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anywidget
import numpy as np
import traitlets

from ...core.table.policy import Policy, check
from ...core.table.records import ExitRecords
from ..charts.spec import router_spec
from ..page.assets import module, style

HIDEABLE = ("headline", "sliders", "switches", "boxes", "picture", "summary", "lock")
NOTE = "validation, chosen here: optimistic"


class Router(anywidget.AnyWidget):
    """Thresholds of one early-exit network under the user's hand, and what they give.

    records : ExitRecords; policy : Policy that fits them; cost : name of one of the records' costs.
    names : E names shown for the exits (the records' own when None).
    colors : E CSS colours, or one such list per theme, "light" and "dark" (those of theme.exit_colors when None).
    static_cost : cost of the static network to save against, in the cost's unit (the cost's own when None).
    hide : parts not shown, of HIDEABLE; "lock" shows the controls but nobody can move them. projector : large type.
    split_note : which split the figures are of, in words.

    thresholds : list of E-1 float or None, both ways, from the page at rest only. interval : what stands below the
    accuracy, such as "95 % interval 91.0–93.2 %"; needed for records with weights or groups only (the page makes
    Wilson's itself) and emptied when thresholds move. projector and hidden may change at any time.

    Raises ValueError where policy, names, colors, hide or cost do not fit.
    """

    _esm = module("router.js")
    _css = style("router.css")

    thresholds = traitlets.List().tag(sync=True)
    interval = traitlets.Unicode("").tag(sync=True)
    hidden = traitlets.List(traitlets.Unicode()).tag(sync=True)
    projector = traitlets.Bool(False).tag(sync=True)
    _spec = traitlets.Dict().tag(sync=True)
    _confidence = traitlets.Bytes().tag(sync=True)  # float32, E-1 columns of N
    _right = traitlets.Bytes().tag(sync=True)  # uint8, E columns of N
    _units = traitlets.Bytes().tag(sync=True)  # float64, N; empty without weights

    def __init__(
        self,
        records: ExitRecords,
        policy: Policy,
        *,
        cost: str = "macs",
        names: Sequence[str] | None = None,
        colors: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        static_cost: float | None = None,
        hide: Sequence[str] = (),
        projector: bool = False,
        split_note: str = NOTE,
        **widget,
    ):
        unknown = sorted(set(widget) - set(self.trait_names()))
        if unknown:
            raise ValueError(f"Router has no option {', '.join(unknown)}: check the spelling.")
        self._revision = 0
        self.records = None
        super().__init__(hidden=_checked_hidden(hide), projector=projector, **widget)
        self.set_records(
            records, policy, cost=cost, names=names, colors=colors, static_cost=static_cost, split_note=split_note
        )

    def __repr__(self) -> str:
        return f"Router({self.records!r}, {self.policy!r})"

    @property
    def policy(self) -> Policy:
        """The thresholds as a value."""
        return Policy(tuple(self.thresholds))

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self.thresholds = list(policy.thresholds)

    def set_records(
        self,
        records: ExitRecords,
        policy: Policy,
        *,
        cost: str = "macs",
        names: Sequence[str] | None = None,
        colors: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        static_cost: float | None = None,
        split_note: str = NOTE,
    ) -> None:
        """Show other records (arguments as for the class). Raises ValueError, and then shows what it showed before."""
        check(records, policy)
        self._revision += 1
        spec = router_spec(records, cost, names, colors, static_cost, split_note) | {"revision": self._revision}
        with self.hold_sync():  # one message: the page must never hold half of two tables
            self.records = records
            self._confidence = records.confidence[:, :-1].tobytes(order="F")
            self._right = records.correct.astype(np.uint8).tobytes(order="F")
            self._units = b"" if records.weight is None else records.units.astype(np.float64).tobytes()
            self.thresholds = list(policy.thresholds)
            self.interval = ""
            self._spec = spec

    @traitlets.validate("thresholds")
    def _valid_thresholds(self, proposal):
        try:
            policy = Policy(tuple(proposal.value))
            if self.records is not None:
                check(self.records, policy)
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from error
        return list(policy.thresholds)

    @traitlets.validate("hidden")
    def _valid_hidden(self, proposal):
        try:
            return _checked_hidden(proposal.value)
        except ValueError as error:
            raise traitlets.TraitError(str(error)) from error

    @traitlets.observe("thresholds")
    def _stale(self, _):
        self.interval = ""  # of other thresholds; setting the same text again must reach the page


def _checked_hidden(hide: Sequence[str]) -> list[str]:
    if isinstance(hide, str):
        raise ValueError(f'hide: expected a list of names such as ["{hide}"], got one string.')
    unknown = sorted(set(hide) - set(HIDEABLE))
    if unknown:
        raise ValueError(f"hide: no part is called {', '.join(map(repr, unknown))}; choose of {', '.join(HIDEABLE)}.")
    return [part for part in HIDEABLE if part in hide]

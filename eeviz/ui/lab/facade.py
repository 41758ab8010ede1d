"""What every lab gives its caller to keep, and with which settings it opens."""

from __future__ import annotations

from typing import TypeVar

from ...labs.address import parameters
from ...labs.settings import LabSettings, from_query
from ..page.facade import Facade

S = TypeVar("S", bound=LabSettings)


class Lab(Facade):
    """Facade of one lab. app : with a driver and the explorer below, too."""

    @property
    def settings(self) -> LabSettings:
        """What the form asks for."""
        return self.state.settings

    @property
    def phase(self) -> str:
        """What the lab is at: one of the phases of its state."""
        return self.state.phase

    @property
    def explorer(self):
        """State of the explorer below, None until a network was opened there."""
        below = self._app.below.explorer
        return None if below is None else below.state

    def stop(self) -> None:
        """End what is running; what is known stays."""
        self._app.stop()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the lab holds, at most `timeout` seconds for each of its workers."""
        self._app.driver.join(timeout)

    def close(self) -> None:
        """Stop everything."""
        self._app.driver.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings.words()}; {self.phase})"


def asked_for(given: S, projector: bool) -> tuple[S, bool, str]:
    """Settings and size of type as the page's address asks for; what does not fit there, in words.

    An address is untrusted: where it does not fit, the lab opens with what the notebook asked for.
    """
    large = projector or parameters().get("projector") == "1"
    try:
        return from_query(given), large, ""
    except ValueError as error:
        return given, large, str(error)

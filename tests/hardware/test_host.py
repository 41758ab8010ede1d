"""This machine as a provider: what was clocked, and what is assumed."""

import numpy as np
import pytest

from eeviz.core.network.bits import FP32
from eeviz.core.network.workload import Operation, Workload
from eeviz.hardware import Host
from eeviz.hardware.clock import Clocked
from eeviz.hardware.host import Clocks


def test_energy_on_this_machine_is_called_an_assumption():
    host = Host(batch=32, power=3.0)
    assert any("not measured" in note and "an assumption, 3 W times the latency" in note for note in host.notes())
    assert host.title == "this host, batch of 32, energy assumed"
    clocks = Clocks((Clocked(FP32, 1, np.array([1e-3, 2e-3]), np.array([1e-4]), 0.1),), 1)
    work = Workload(((), ()), ((Operation("linear", 4, 2),),), (1,), 4)
    costs = clocks.costs(work, 32)  # by the same checks, without energy
    assert costs["latency"].static == pytest.approx(3.1e-3)
    assert set(costs) == {"latency", "memory"}
    assert set(clocks.notes()) & set(host.notes()) == {"A head's time is without its confidence and the decision."}
    with pytest.raises(ValueError, match="32 or at 8 bits"):
        clocks.costs(work, "4/4")
    with pytest.raises(ValueError, match="not been measured on this host at 8/8 bits"):
        clocks.costs(work, 8)

"""Values and pure functions of early-exit networks; numpy and the standard library only."""

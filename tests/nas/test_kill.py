"""kill -9 at random moments: nothing evaluated is lost and the front is the same."""

import os
import random
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))
import search_kill


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_killed_search_resumes_to_the_same_front(tmp_path):
    whole = search_kill.start(tmp_path / "whole.db")
    whole.stdout.readline()  # ready
    started = time.perf_counter()
    whole.communicate()
    taken = time.perf_counter() - started
    expected = search_kill.front_of(tmp_path / "whole.db")
    assert expected
    kills = 0
    for seed in range(3):
        path = tmp_path / f"{seed}.db"
        k, lost = search_kill.killed_until_done(path, random.Random(seed), longest=0.6 * taken)
        assert lost == 0
        assert search_kill.front_of(path) == expected
        kills += k
    assert kills >= 1

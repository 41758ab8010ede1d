"""Status and guard: nothing a callback raises is silent."""

import logging
import threading

import pytest
import traitlets

from eeviz.ui.page import errors
from eeviz.ui.page.errors import Status, guarded, in_words


@pytest.fixture
def status():
    return Status()


def fail_with(error):
    def callback(*_):
        raise error

    return callback


def test_value_errors_are_shown_as_written(status):
    guarded(status, fail_with(ValueError("thresholds must lie in [0, 1].")))()
    assert (status.level, status.message) == ("error", "thresholds must lie in [0, 1].")
    assert "raise error" in status.details


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("macs"), "KeyError: 'macs'"),
        (RuntimeError(), "RuntimeError"),
        (ValueError(), "ValueError"),
        (ValueError("two\n  lines"), "two lines"),
    ],
)
def test_other_errors_say_their_type(error, words):
    assert in_words(error) == words
    assert in_words(error, "opening the file") == f"Opening the file did not work: {words}"


def test_result_and_arguments_pass(status):
    assert guarded(status, lambda a, b=1: a + b)(2, b=3) == 5
    assert guarded(status, fail_with(KeyError("x")))(1, 2, 3) is None


def test_success_takes_only_its_own_error_away(status):
    broken = [True]

    def callback():
        if broken[0]:
            raise ValueError("not yet")

    call, other = guarded(status, callback), guarded(status, lambda: None)
    call()
    other()
    assert status.message == "not yet"
    broken[0] = False
    call()
    assert (status.level, status.message, status.details) == ("", "", "")
    status.fail(ValueError("another"))
    call()
    assert status.message == "another"


def test_logged_with_traceback_and_time(status, caplog, monkeypatch):
    with caplog.at_level(logging.WARNING, logger="eeviz.ui.page.errors"):
        guarded(status, fail_with(KeyError("x")))()
        monkeypatch.setattr(errors, "SLOW", -1)
        guarded(status, lambda: None)()
    assert caplog.records[0].exc_info is not None
    assert "took" in caplog.records[1].getMessage()


def test_an_exit_is_not_swallowed(status):
    with pytest.raises(KeyboardInterrupt):
        guarded(status, fail_with(KeyboardInterrupt()))()


def test_info_replaces_errors_and_clear_empties(status):
    status.fail(KeyError("x"), "drawing")
    status.info("Opened <b>mine</b>.npz")
    assert (status.level, status.message, status.details) == ("info", "Opened <b>mine</b>.npz", "")
    status.clear()
    assert status.level == ""


def test_unknown_level_is_refused(status):
    with pytest.raises((ValueError, traitlets.TraitError), match="choose one of"):
        status.level = "loud"


def test_works_from_a_thread(status):
    thread = threading.Thread(target=guarded(status, fail_with(ValueError("from a thread"))))
    thread.start()
    thread.join()
    assert status.message == "from a thread"


def test_as_observer_and_callback(status):
    class Source(traitlets.HasTraits):
        value = traitlets.Int()

    source = Source()
    source.observe(guarded(status, fail_with(ValueError("observed"))), "value")
    source.value = 3
    assert status.message == "observed"

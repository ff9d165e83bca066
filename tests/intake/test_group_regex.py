"""The user's regular expression is held to a time, and to what a patient can be called."""

import signal
import threading
import time

import pytest

from contrast_tfdata.errors import UsageError
from contrast_tfdata.intake import group_regex
from contrast_tfdata.intake.group_regex import compile_pattern, find_patients

ENDLESS = ("(a+)+$", "(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*a){25}b", "((?:a?){60}a{60})c")


def find(regex, *paths):
    return find_patients(compile_pattern(regex), paths)


@pytest.fixture
def soon(monkeypatch):
    """Patience ends after a fifth of a second."""
    monkeypatch.setattr(group_regex, "_SECONDS", 0.2)


@pytest.mark.parametrize("regex", ENDLESS)
def test_one_that_never_ends_is_refused_in_time(regex, soon):
    began = time.process_time()
    with pytest.raises(UsageError) as error:
        find(regex, *["no_gad/" + "a" * 200 + "!.png"] * 1000)
    assert time.process_time() - began < 5
    assert regex in str(error.value)
    assert "--group_regex takes more than" in str(error.value)


def test_handler_and_timer_of_others_are_put_back(soon):
    def handler(signum, frame):
        raise AssertionError("not asked for")

    before = signal.signal(signal.SIGVTALRM, handler)
    signal.setitimer(signal.ITIMER_VIRTUAL, 1000, 7)
    try:
        assert find("(p[0-9]+)", "p1_1.png") == ["p1"]
        with pytest.raises(UsageError):
            find(ENDLESS[0], "a" * 100 + "!")
        assert signal.getsignal(signal.SIGVTALRM) is handler
        remaining, interval = signal.getitimer(signal.ITIMER_VIRTUAL)
        assert 900 < remaining < 1001
        assert interval == 7
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def test_another_thread_than_the_main_one_matches_too():
    found = []
    thread = threading.Thread(target=lambda: found.extend(find("(p[0-9]+)", "p1_1.png")))
    thread.start()
    thread.join()
    assert found == ["p1"]


@pytest.mark.parametrize("regex", ["(", "(a{99999999999})", "(" * 5000 + ")" * 5000, "[z-a]()", "(?P<1>a)"])
def test_no_regular_expression(regex):
    with pytest.raises(UsageError, match="not a regular expression"):
        compile_pattern(regex)


def test_no_group():
    with pytest.raises(UsageError, match="needs a group"):
        compile_pattern("p[0-9]+")


def test_none_finds_nobody():
    assert find(None, "p1", "p2") == [None, None]


@pytest.mark.parametrize("name", ["nan", "None", "N/A", "\u200b", " ", "-"])
def test_what_stands_for_no_patient_is_none(name):
    assert find("^(.*)_", f"{name}_1.png") == [None]


def test_forms_of_unicode_in_expression_and_path_do_not_matter():
    composed, decomposed = "\u00fc", "u\u0308"
    for regex in (composed, decomposed):
        for path in (composed, decomposed):
            assert find(f"^([a-z{regex}]+)_", f"m{path}ller_1.png") == ["m\u00fcller"]

"""Work in processes."""

import itertools
import os
import platform
import resource
import subprocess
import sys
import time

import numpy as np
import pytest

from contrast_tfdata.errors import ContrastError, UsageError
from contrast_tfdata.intake.workers import Workers, available_cores

pytestmark = pytest.mark.processes


def double(number):
    return 2 * number


def die(number):
    if number == 5:
        os._exit(9)
    return number


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.parametrize("num_items", [0, 1, 30])
def test_results_come_in_order(num_workers, num_items):
    with Workers(num_workers) as workers:
        assert list(workers.map(double, range(num_items))) == [2 * number for number in range(num_items)]


def test_results_come_in_order_whatever_they_take():
    with Workers(2) as workers:
        assert list(workers.map(wait_at_times, range(150))) == list(range(150))


def wait_at_times(number):
    time.sleep(0.06 * (number % 40 == 7))
    return number


def fail(number):
    if number == 33:
        raise ValueError("number 33")
    return number


@pytest.mark.parametrize("num_workers", [1, 2])
def test_an_exception_comes_through(num_workers):
    with Workers(num_workers) as workers, pytest.raises(ValueError, match="number 33"):
        list(workers.map(fail, range(100)))


def page_faults_of_large_arrays(rounds):
    """Returns how many pages were mapped while arrays of 6 MiB in all were made and freed again and again."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        arrays = [np.ones(2 << 17) for _ in range(3)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc is tuned, no other")
def test_memory_of_one_image_serves_the_next():
    pages = 3 * (2 << 20) // resource.getpagesize()
    with Workers(2) as workers:
        assert max(workers.map(page_faults_of_large_arrays, [20] * 4)) < 3 * pages


IMPORTED = """
import sys
from contrast_tfdata.intake import decoding, scanning
print(*{"tensorflow", "scipy", "matplotlib"} & sys.modules.keys())
"""


def test_workers_import_little():
    assert subprocess.check_output([sys.executable, "-c", IMPORTED], text=True).split() == []


def test_items_are_taken_only_as_needed():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    with Workers(2) as workers:
        results = workers.map(double, items())
        next(results)
        results.close()
    assert len(taken) <= 10


def wait_a_tenth(number):
    time.sleep(0.1)
    return number


@pytest.mark.parametrize(("function", "ahead"), [(double, 2 * 4 * 8), (wait_a_tenth, 2 * 4)])
def test_quick_items_go_together_and_slow_ones_alone(function, ahead):
    taken = itertools.count()
    with Workers(2) as workers:
        results = workers.map(function, (next(taken) for _ in range(1000)))
        received = len(list(itertools.islice(results, 40 if function is double else 12)))
        results.close()
    under_way = next(taken) - received
    assert ahead / 2 < under_way <= ahead


def test_dead_worker_is_an_error():
    with Workers(2) as workers, pytest.raises(ContrastError, match="worker process died"):
        list(workers.map(die, range(20)))


PARENT = """
import sys, time
from contrast_tfdata.intake.workers import Workers
from test_workers import identify
with Workers(2) as workers:
    print(*set(workers.map(identify, range(8))), flush=True)
    time.sleep(60)
"""


def identify(number):
    time.sleep(0.1)
    return os.getpid()


def test_workers_end_when_their_parent_is_killed():
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment)
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert pids
    parent.kill()
    parent.wait()
    parent.stdout.close()  # not read to its end, which workers that live on would keep open
    deadline = time.monotonic() + 20
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.05)


INTERRUPTED = """
import os, signal, sys, threading, time
from contrast_tfdata.intake.workers import Workers
signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell has it ignored in what runs in the background.
for delay in map(float, sys.argv[1:]):
    try:
        with Workers(2) as workers:
            threading.Timer(delay, os.killpg, (0, signal.SIGINT)).start()
            list(workers.map(time.sleep, [0.01] * 1000))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def test_ctrl_c_while_workers_start_is_left_to_the_parent():
    """A worker takes a tenth of a second or more to start: Ctrl-C comes before, while and after it does."""
    delays = [f"{0.02 * number:.2f}" for number in range(12)]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *delays],
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["interrupted"] * len(delays)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_number_of_workers():
    assert Workers(None).num_workers == available_cores()
    with pytest.raises(UsageError, match="num_workers=0"):
        Workers(0)


def process_of(seconds):
    time.sleep(seconds)
    return os.getpid()


def test_by_default_processes_begin_once_there_is_work_for_them(monkeypatch):
    monkeypatch.setattr("contrast_tfdata.intake.workers.available_cores", lambda: 2)
    with Workers(None) as workers:
        assert set(workers.map(process_of, [0.001] * 40)) == {os.getpid()}
        long = list(workers.map(process_of, [0.3] * 8))
    assert long[:3] == [os.getpid()] * 3
    assert os.getpid() not in long[4:]

"""Work in processes."""

import os

import pytest

from contrast_tfdata.errors import ContrastError, UsageError
from contrast_tfdata.records.workers import Workers, available_cores, workers_for


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


def test_fault_37_dead_worker_is_an_error():
    with Workers(2) as workers, pytest.raises(ContrastError, match="worker process died"):
        list(workers.map(die, range(20)))


def test_number_of_workers():
    assert workers_for(0) == 1
    assert workers_for(10**6) == available_cores()
    with pytest.raises(UsageError, match="num_workers=0"):
        Workers(0)

"""Training on batches of a real tf.data service: the result of batches made here, and an end where it is lost."""

import time

import pytest
from bright_records import write_records
from running import read_rows, start, succeed
from tf_data_service import service_of_the_guide

pytestmark = [pytest.mark.processes, pytest.mark.slow]
BOUND_SECONDS = 90.0


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    directory = tmp_path_factory.mktemp("service") / "records"
    write_records(directory, (("train", 21), ("validation", 10)))
    return directory


def flags(records, workdir, *others):
    return f"--records_dir={records}", f"--workdir={workdir}", "--batch_size=8", "--seed=3", *others


def test_batches_of_a_service_train_the_same_network(records, tmp_path):
    with service_of_the_guide() as (address, _):
        succeed("train", *flags(records, tmp_path / "there", "--epochs=2", f"--data_service={address}"))
    succeed("train", *flags(records, tmp_path / "here", "--epochs=2"))
    assert (tmp_path / "there" / "history.csv").read_bytes() == (tmp_path / "here" / "history.csv").read_bytes()


def test_a_lost_service_ends_training_to_be_resumed(records, tmp_path):
    workdir = tmp_path / "run"
    with service_of_the_guide() as (address, service):
        words = flags(records, workdir, "--epochs=2000", f"--data_service={address}")
        with start("train", *words) as training:
            deadline = time.monotonic() + 120
            while not (workdir / "history.csv").exists():
                assert time.monotonic() < deadline
                time.sleep(0.1)
            service.kill()
            assert training.wait(BOUND_SECONDS) == 75
            assert f"error: lost: the tf.data service at {address}" in training.said("stderr")
    assert 1 <= len(read_rows(workdir / "history.csv")) < 2000

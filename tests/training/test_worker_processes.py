"""Several workers, real processes on this machine, and several replicas in one: the result is that of one device."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from bright_records import write_records
from free_ports import adjoining_port, free_addresses
from running import WORKDIR_FILES, read_rows, run, start, succeed

from contrast_tfdata.model.weights import load_model

pytestmark = [pytest.mark.processes, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "scale_out.md").read_text()
EPOCHS = 6
"""Enough that a worker is killed before the last one."""
RECIPE = (f"--epochs={EPOCHS}", "--batch_size=8", "--seed=3", "--precision=float32")
BOUND_SECONDS = 60.0
"""In which a lost worker has ended the others; on a quiet machine it takes 1 to 15."""


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Records of which the last batch of an epoch is not full, in training and in validation."""
    directory = tmp_path_factory.mktemp("workers") / "records"
    write_records(directory, (("train", 21), ("validation", 10), ("test", 10)))
    return directory


def flags(records, workdir, *others):
    return [f"--records_dir={records}", f"--workdir={workdir}", *others]


def as_worker(addresses, index):
    """Returns the environment of one of these workers."""
    task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return {**os.environ, "TF_CONFIG": json.dumps(task)}


class Workers(contextlib.ExitStack):
    """Two workers; whatever became of the block, none stays."""

    def __init__(self, records, workdir, *others, flags_of_second=()):
        super().__init__()
        addresses, words = free_addresses(2), flags(records, workdir, *RECIPE, *others)
        self.processes = []
        for index, more in enumerate(((), flags_of_second)):
            process = start("train", *words, *more, environment=as_worker(addresses, index))
            self.processes.append(self.enter_context(process))

    def wait(self, timeout=300.0):
        """Returns the exit codes."""
        return [each.wait(timeout) for each in self.processes]

    def said(self, index):
        return "".join(map(self.processes[index].said, ("stdout", "stderr")))


@pytest.fixture(scope="module")
def alone(records, tmp_path_factory):
    """The workdir of a run on one device."""
    workdir = tmp_path_factory.mktemp("alone") / "run"
    succeed("train", *flags(records, workdir, *RECIPE))
    return workdir


@pytest.fixture(scope="module")
def together(records, tmp_path_factory):
    """The workdir of a run of two workers, started as docs/scale_out.md says, and what each said."""
    folder = tmp_path_factory.mktemp("together")
    (script,) = re.findall(r"^```bash\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    words = ["bash", "-c", script, "launch.sh", *flags(records, folder / "run", *RECIPE)]
    paths = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(words, cwd=folder, env={**os.environ, **paths, "PORT": str(adjoining_port())}, check=False)
    said = [(folder / f"worker-{index}.log").read_text() for index in range(2)]
    assert result.returncode == 0, said
    return folder / "run", said


def history_of(workdir):
    return [{name: float(value) for name, value in row.items()} for row in read_rows(workdir / "history.csv")]


def weights_of(workdir):
    return load_model(workdir / "model")[0].arrays


def assert_same_result(one, other):
    """Holds two runs of 18 steps to rounding, which grows as training goes on: a batch was summed in another order."""
    for left, right in zip(history_of(one), history_of(other), strict=True):
        assert left == pytest.approx(right, rel=1e-5 if left["epoch"] <= 4 else 2e-4)
    first, second = (read_rows(workdir / "predictions-test.csv") for workdir in (one, other))
    assert [row["example_id"] for row in first] == [row["example_id"] for row in second]
    probabilities = [[float(row["probability"]) for row in rows] for rows in (first, second)]
    assert probabilities[0] == pytest.approx(probabilities[1], abs=1e-3)
    weights = [np.concatenate([each.ravel() for each in weights_of(workdir)]) for workdir in (one, other)]
    assert np.linalg.norm(weights[0] - weights[1]) < 1e-3 * np.linalg.norm(weights[0])


def test_two_workers_have_the_result_of_one(alone, together):
    assert_same_result(together[0], alone)


def test_the_chief_alone_writes(together):
    workdir, said = together
    assert {path.name for path in workdir.iterdir()} == WORKDIR_FILES
    assert "report.html" in said[0]
    assert "report.html" not in said[1]
    assert len(list((workdir / "logs" / "train").iterdir())) == 1
    for index in range(2):
        assert f"this is worker {index} (" in said[index]


def test_killed_and_stopped_workers_end_the_others_and_all_resume(records, together, tmp_path):
    """One run, interrupted four times: each worker is killed once, and once told to stop."""
    workdir = tmp_path / "run"
    hit_a_worker_after(1, kill_worker, 1, records, workdir)
    hit_a_worker_after(2, stop_worker, 0, records, workdir)
    hit_a_worker_after(3, kill_worker, 0, records, workdir)
    hit_a_worker_after(4, stop_worker, 1, records, workdir)
    with Workers(records, workdir) as resumed:
        assert resumed.wait() == [0, 0], resumed.said(0)
        assert "epochs 1 to" not in resumed.said(0)
    assert_same_bits(workdir, together[0])


def hit_a_worker_after(epochs, hit, index, records, workdir):
    """Starts both workers, and does that to one of them when so many epochs are done."""
    with Workers(records, workdir, "--checkpoint_steps=2") as both:
        wait_for_epochs(workdir, epochs, both)
        hit(both, index)
    assert epochs <= len(history_of(workdir)) < EPOCHS


def kill_worker(both, victim):
    both.processes[victim].kill()
    killed = time.monotonic()
    assert both.processes[1 - victim].wait(BOUND_SECONDS) == 75, both.said(1 - victim)
    assert time.monotonic() - killed < BOUND_SECONDS
    (line,) = [line for line in both.said(1 - victim).splitlines() if line.startswith("error: ")]
    assert f"lost: worker {victim} (localhost:" in line


def stop_worker(both, asked):
    """Both stop after the same step."""
    both.processes[asked].send_signal(signal.SIGTERM)
    assert both.wait(BOUND_SECONDS) == [75, 75]
    lines = [line for index in range(2) for line in both.said(index).splitlines() if line.startswith("error: ")]
    stopped = [re.fullmatch(r"error: stopped by (.+); (.+) is saved in (.+)", line).groups() for line in lines]
    assert [by for by, *_ in stopped] == ["SIGTERM" if index == asked else "another worker" for index in range(2)]
    assert stopped[0][1:] == stopped[1][1:]


def assert_same_bits(workdir, uninterrupted):
    # The same bits: what was summed, and in which order, does not depend on when it was interrupted.
    assert all(map(np.array_equal, weights_of(workdir), weights_of(uninterrupted)))
    for one, other in zip(history_of(workdir), history_of(uninterrupted), strict=True):
        assert one == pytest.approx(other, rel=1e-6)  # Half of an epoch's sum is taken up by each, wherever it was.


def wait_for_epochs(workdir, epochs, both):
    deadline = time.monotonic() + 300
    while not (workdir / "history.csv").exists() or len(read_rows(workdir / "history.csv")) < epochs:
        assert time.monotonic() < deadline
        assert [each.poll() for each in both.processes] == [None, None], both.said(0) + both.said(1)
        time.sleep(0.01)


def test_a_frozen_worker_is_missed(records, tmp_path):
    """Its connections stay open, so that only its silence tells."""
    with Workers(records, tmp_path / "run", "--epochs=1000") as both:
        wait_for_epochs(tmp_path / "run", 1, both)
        both.processes[1].send_signal(signal.SIGSTOP)
        assert both.processes[0].wait(BOUND_SECONDS) == 75, both.said(0)
        assert "lost: worker 1 (localhost:" in both.said(0)


def test_workers_of_different_flags_are_refused(records, tmp_path):
    with Workers(records, tmp_path / "run", flags_of_second=["--learning_rate=1e-3"]) as both:
        assert both.wait() == [1, 1]
        assert "started with other flags, records or checkpoints than worker 0" in both.said(1)


def test_workers_that_never_come(records, tmp_path):
    addresses = free_addresses(2)
    words = flags(records, tmp_path / "run", "--wait_for_workers=1")
    result = run("train", *words, env=as_worker(addresses, 0))
    assert result.returncode == 75
    assert f"did not come in time: worker 1 ({addresses[1]})" in result.stderr
    assert not (tmp_path / "run").exists()


TWO_DEVICES = """
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
"""


def test_two_replicas_on_one_machine(records, alone, tmp_path):
    """The first epochs are those of one device; tests/training/test_replica_recipes.py compares what is trained."""
    words = flags(records, tmp_path / "run", *RECIPE, "--epochs=2", "--strategy=mirrored")
    assert "2 replicas" in succeed("train", *words, program=TWO_DEVICES)
    for one, other in zip(history_of(tmp_path / "run"), history_of(alone), strict=False):
        assert one == pytest.approx(other, rel=1e-5)

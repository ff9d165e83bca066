"""A conversion that is killed, starved or stopped at any moment leaves what stood there, or all of the new."""

import contextlib
import os
import re
import signal
import time
from pathlib import Path

import pytest
import running
from disks import small_disk

pytestmark = [pytest.mark.processes, pytest.mark.slow]
KILLS = int(os.environ.get("CONTRAST_KILLS", "8"))
"""How often the conversion is killed; 200 take some minutes."""

KILLER = """
import os, pathlib, random, signal, sys, time
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.records import conversion, manifest
from contrast_tfdata.intake import sources, workers
from contrast_tfdata.storage import staging
from contrast_tfdata.patients.options import PlanOptions
from contrast_tfdata.records.options import ConversionOptions
from contrast_tfdata.patients.splits import SplitOptions

pictures, output, kills = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
target = output / "records"

def convert(seed, place):
    options = ConversionOptions(PlanOptions(SplitOptions(seed=seed)), Preprocessing(image_size=64), num_shards=2)
    with staging.staged_directory(place, overwrite=True) as directory, workers.Workers(1) as pool:
        found = sources.from_class_folders(pictures, split=None, group_regex="/(p[^_]*)_", max_bytes=1 << 20)
        conversion.convert(found, directory, options, pool, lambda *_: None)

def begin(seed, place):
    pid = os.fork()  # quicker than a new process, which would spend its time on importing TensorFlow
    if not pid:
        convert(seed, place)
        os._exit(0)
    return pid

def content(place):
    return {path.name: path.read_bytes() for path in place.iterdir()}

durations = []
for seed in (0, 1):
    began = time.monotonic()
    assert os.waitpid(begin(seed, output / f"whole-{seed}"), 0)[1] == 0
    durations.append(time.monotonic() - began)
whole = [content(output / f"whole-{seed}") for seed in (0, 1)]
assert whole[0] != whole[1]
os.waitpid(begin(0, target), 0)

randomness, standing, killed, replaced, duration = random.Random(4), 0, 0, 0, min(durations)
while killed < kills:
    pid, late = begin(1 - standing, target), randomness.random() < 0.5
    # Half of them near the end, where the new takes the place of the old; where that is, is learned on the way.
    time.sleep(randomness.uniform(0.9 if late else 0, 1) * duration)
    os.kill(pid, signal.SIGKILL)
    hit = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    duration *= 0.95 if not hit else 1.03 if late else 1
    found = content(target)
    assert found in whole, f"neither the old nor the new after kill {killed}: {sorted(found)}"
    killed += hit
    replaced += hit and whole.index(found) != standing
    standing = whole.index(found)
assert os.waitpid(begin(1 - standing, target), 0)[1] == 0
assert content(target) == whole[1 - standing], "other bytes after kills"
print(f"{kills} killed: {replaced} left the new records, {kills - replaced} the old")
"""


def test_killed_at_any_moment(png_tree, tmp_path):
    pictures = png_tree((20, 20))
    result = running.run_program(KILLER, pictures, tmp_path, KILLS)
    assert result.returncode == 0, result.stderr
    print(result.stdout)
    assert f"{KILLS} killed" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures", "records", "whole-0", "whole-1"]


HANG = 600
"""Seconds after which a command hangs: far more than it takes on a machine that has other work, too."""


@contextlib.contextmanager
def started(*arguments):
    """Starts the command in a group of its own; nothing of it outlives the block."""
    with running.start("make_records", *arguments, session=True) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def old_records(png_tree, output):
    """Makes records in a folder, and checks that they are the same and alone when the block ends."""
    make = [f"--train_dir={png_tree((8, 8))}", f"--output_dir={output}/records", "--image_size=24", "--num_workers=1"]
    with started(*make) as process:
        process.wait(HANG)
        assert process.said("stderr") == ""
    before = {path.name: path.read_bytes() for path in (output / "records").iterdir()}
    yield
    assert {path.name: path.read_bytes() for path in (output / "records").iterdir()} == before
    assert {path.name for path in output.iterdir()} <= {"pictures", "records"}


def wait_until_writing(process, tmp_path):
    deadline = time.monotonic() + HANG
    while not list(tmp_path.glob(".records.incomplete-*/contrast-*")):
        assert process.poll() is None, process.said("stderr")
        assert time.monotonic() < deadline, "the conversion did not start"
        time.sleep(0.02)


LARGE = ("--phantom_patients=300", "--num_workers=2", "--overwrite")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_stop_reaches_workers_too(png_tree, tmp_path, sent):
    """As Ctrl-C in a terminal, or a scheduler that ends a job, does it: to all processes at once."""
    with old_records(png_tree, tmp_path), started(*LARGE, f"--output_dir={tmp_path}/records") as process:
        wait_until_writing(process, tmp_path)
        os.killpg(process.pid, sent)
        assert process.wait(HANG) == 75
        said = process.said("stderr")
        assert "unchanged" in said
        assert "Traceback" not in said


def test_dead_worker_ends_the_command(png_tree, tmp_path):
    with old_records(png_tree, tmp_path), started(*LARGE, f"--output_dir={tmp_path}/records") as process:
        wait_until_writing(process, tmp_path)
        os.kill(workers_of(process.pid)[0], signal.SIGKILL)
        assert process.wait(HANG) == 70
        said = process.said("stderr")
        assert said.startswith("error: a worker process died")
        assert len(said.splitlines()) == 1


def workers_of(pid):
    """Processes that a pool of `pid` runs."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = [int(each) for each in children if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]
    assert len(found) == 2
    return found


SMALL_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
"""


def test_too_large_a_shard_keeps_the_old(png_tree, tmp_path):
    """A limit on the size of files fails writing as a full disk or a quota does, and needs no rights."""
    with old_records(png_tree, tmp_path):
        words = ["--phantom_patients=10", "--num_workers=1", "--overwrite", f"--output_dir={tmp_path}/records"]
        result = running.run("make_records", *words, program=SMALL_FILES)
        assert result.returncode == 74
        assert "MB needed, " in result.stderr
        assert "nothing there was changed" in result.stderr


def test_small_disk_is_refused_before_writing(png_tree, tmp_path):
    words = ["--phantom_patients=10", "--num_workers=1", "--overwrite", f"--output_dir={tmp_path}/disk/records"]
    with small_disk(tmp_path / "disk", 512 << 10) as disk, old_records(png_tree, disk), started(*words) as process:
        assert process.wait(HANG) == 74
        said = process.said("stderr")
        assert re.search(r"too little space \(about 8\.\d MB needed, 0\.\d MB free before\); nothing there was", said)

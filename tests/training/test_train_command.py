"""`train` as a user runs it: stopped and given again, given once more, and twice alike."""

import signal
import time

import pytest
from bright_records import write_records
from running import run, start, succeed

TABLES = ("history.csv", "metrics.json", "predictions-validation.csv", "predictions-test.csv")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    directory = tmp_path_factory.mktemp("commands") / "records"
    write_records(directory)
    return directory


def flags(records, workdir, *others):
    return [f"--records_dir={records}", f"--workdir={workdir}", "--epochs=3", "--batch_size=8", *others]


@pytest.fixture(scope="module")
def whole(records, tmp_path_factory):
    """The workdir of a run that nothing has interrupted; not to be changed."""
    workdir = tmp_path_factory.mktemp("whole") / "run"
    succeed("train", *flags(records, workdir))
    return workdir


def content(workdir):
    """Returns the tables of a run and the names of its model's files, which carry the weights' hash."""
    return [(workdir / name).read_bytes() for name in TABLES], sorted(
        path.name for path in (workdir / "model").iterdir()
    )


@pytest.mark.slow
def test_stopped_and_given_again_and_once_more(records, whole, tmp_path):
    cut = tmp_path / "cut"
    with start("train", *flags(records, cut)) as process:
        while "epoch   1/3" not in process.said():
            assert process.poll() is None, process.said("stderr")
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        assert process.wait(240) == 75
        said = process.said("stderr")
    assert said.startswith("error: stopped by SIGTERM; ")
    assert said.endswith("\nthe same command goes on from there\n")
    assert len(said.splitlines()) == 2
    assert "training: 32 slices, 4 steps an epoch, epochs 2 to 3" in succeed("train", *flags(records, cut))
    assert content(cut) == content(whole)
    assert "training: " not in succeed("train", *flags(records, cut))  # nothing is left to do
    assert content(cut) == content(whole)


@pytest.mark.slow
def test_a_cache_on_disk_goes_with_the_training_and_takes_nothing_along(records, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "mine").write_text("not a training's")
    before = set(tmp_path.iterdir())
    succeed("train", *flags(records, tmp_path, "--cache=disk"))
    assert (tmp_path / "cache" / "mine").read_text() == "not a training's"
    assert not [path for path in set(tmp_path.iterdir()) - before if "cache" in path.name]


@pytest.mark.slow
def test_deterministic_runs_are_alike(records, tmp_path):
    for name in "ab":
        succeed("train", *flags(records, tmp_path / name, "--deterministic", "--precision=float32"))
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.slow
def test_deterministic_and_compiled(records, tmp_path):
    """TensorFlow has no deterministic gradient of max pooling for XLA; the network then pools in another way."""
    for name in "ab":
        said = succeed("train", *flags(records, tmp_path / name, "--deterministic", "--jit_compile=true", "--epochs=1"))
        assert "Max pooling as reshape and maximum" in said
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.slow
@pytest.mark.parametrize(("change", "words"), [("--learning_rate=0.1", "learning_rate: was 0.0005, now 0.1")])
def test_other_flags_are_a_usage_error(records, whole, change, words):
    before = content(whole)
    result = run("train", *flags(records, whole, change))
    assert result.returncode == 1
    assert words in result.stderr
    assert content(whole) == before

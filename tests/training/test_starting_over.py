"""`--resume=never`: what it removes, and that it removes nothing but what a training wrote."""

import dataclasses
import json

import pytest
from trainings import FAST, run

from contrast_tfdata.errors import UsageError
from contrast_tfdata.training import loop

SHORT = dataclasses.replace(FAST, epochs=1)
OWN = json.dumps({"packages": {"contrast_tfdata": "0.1"}})


def write(workdir, files):
    for name, text in files.items():
        path = workdir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def content(workdir):
    return {str(path.relative_to(workdir)): path.read_bytes() for path in workdir.rglob("*") if path.is_file()}


EVENTS = "logs/train/events.out.tfevents.1"


@pytest.mark.parametrize(
    "files",
    [
        {"logs/server.log": "mine"},
        {"history.csv": "mine"},
        {"checkpoints/model.pt": "mine"},
        {EVENTS: "of another program"},
        {"logs/server.log": "mine", "environment.json": "[1]"},
        {"logs/server.log": "mine", "environment.json": "no JSON"},
        {"logs/server.log": "mine", "environment.json": '{"packages": {"other": "1"}}'},
        {"logs/server.log": "mine", "checkpoints/step-1/model.pt": "of another program"},
    ],
)
def test_a_folder_that_is_no_run_is_left_as_it_is(records, tmp_path, files):
    write(tmp_path, files)
    before = content(tmp_path)
    with pytest.raises(UsageError, match="nothing there shows that a training of this package wrote") as error:
        run(records, tmp_path, SHORT)
    assert str(tmp_path) in str(error.value)
    assert "give another --workdir" in str(error.value)
    assert content(tmp_path) == before


@pytest.mark.parametrize("foreign", ["logs/server.log", "logs/train/notes.txt", "checkpoints/model.pt"])
def test_files_of_others_among_those_of_a_run_are_kept(records, tmp_path, foreign):
    """As where the folder of a project was given as --workdir once already."""
    write(tmp_path, {"environment.json": OWN, EVENTS: "", foreign: "mine"})
    before = content(tmp_path)
    with pytest.raises(UsageError, match="which hold what no training wrote; nothing was removed") as error:
        run(records, tmp_path, SHORT)
    assert str(error.value).splitlines()[1:] == [f"  {foreign}"]
    assert content(tmp_path) == before


def test_a_run_starts_over(records, one_epoch, tmp_path):
    workdir = one_epoch.copied_to(tmp_path / "run")
    remains = {"logs/plugins/profile/1/host.xplane.pb": "", "checkpoints/.incomplete-step-000000004/state": ""}
    write(workdir, {**remains, "logs/.DS_Store": ""})
    _, again = run(records, workdir, SHORT)
    assert again == one_epoch.history
    assert not remains.keys() & content(workdir).keys()


@pytest.fixture
def begun(monkeypatch):
    """Workdirs of the runs that came to their first step, where all of them end."""
    found = []
    monkeypatch.setattr(loop, "_fit", lambda model, job, *_: found.append(job.workdir))
    return found


@pytest.mark.parametrize("files", [{}, {EVENTS: ""}, {"checkpoints/.incomplete-step-000000002/state.index": ""}])
def test_a_run_killed_before_its_first_checkpoint_starts_over(records, tmp_path, begun, files):
    """Before it writes anything else, it has written what it takes to repeat it."""
    write(tmp_path, {"environment.json": OWN, **files})
    run(records, tmp_path, SHORT)
    assert begun == [tmp_path]
    assert not files.keys() & content(tmp_path).keys()


def test_a_run_that_goes_on_removes_nothing(records, tmp_path, begun):
    write(tmp_path, {"logs/server.log": "mine"})
    run(records, tmp_path, SHORT, resume=True)
    assert begun == [tmp_path]
    assert (tmp_path / "logs" / "server.log").read_text() == "mine"

"""Nothing of somebody else is replaced."""

import os

import pytest

from contrast_tfdata.errors import UsageError
from contrast_tfdata.storage import atomic_file, ownership, staging
from contrast_tfdata.storage.bounded_file import UnfitFileError


def is_own(head):
    return head.startswith(b"ours")


def test_own_empty_and_missing_files_may_be_replaced(tmp_path):
    (tmp_path / "own").write_bytes(b"ours, and more")
    (tmp_path / "empty").touch()
    outputs = {tmp_path / name: is_own for name in ("own", "empty", "missing")}
    ownership.refuse_others_files(outputs, overwrite=False)
    ownership.refuse_inputs(outputs, {os.path.realpath(path) for path in outputs})


def test_files_of_others_are_left_unless_given_up(tmp_path):
    (tmp_path / "labels.csv").write_text("path,label\n")
    outputs = {tmp_path / "labels.csv": is_own}
    with pytest.raises(UsageError, match=r"labels.csv was not written by this command.*--overwrite"):
        ownership.refuse_others_files(outputs, overwrite=False)
    ownership.refuse_others_files(outputs, overwrite=True)
    with pytest.raises(UsageError, match="is one of the files to be read"):
        ownership.refuse_inputs(outputs, {os.path.realpath(tmp_path / "labels.csv")})


def make_device(path):
    path.symlink_to("/dev/null")


@pytest.mark.parametrize(("make", "kind"), [(os.mkfifo, "a FIFO"), (make_device, "a device"), (os.mkdir, "a folder")])
def test_what_is_no_file_is_never_replaced(tmp_path, make, kind):
    make(tmp_path / "it")
    before = (tmp_path / "it").stat()
    with pytest.raises(UsageError, match=kind):
        ownership.refuse_others_files({tmp_path / "it": is_own}, overwrite=True)
    with pytest.raises(UnfitFileError, match=kind), atomic_file.replacing(tmp_path / "it"):
        pass
    assert os.path.samestat((tmp_path / "it").stat(), before)
    assert os.listdir(tmp_path) == ["it"]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("old")
    for link, target in (("link", "there/file"), ("dangling", "there/new")):
        (tmp_path / link).symlink_to(target)
        with atomic_file.replacing(tmp_path / link) as file:
            file.write("new")
        assert (tmp_path / link).is_symlink()
        assert (tmp_path / target).read_text() == "new"


def test_results_are_not_put_among_files_of_others(tmp_path):
    for name in ("report.html", "notes.txt", "figures"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"holds figures, report.html, and nothing there shows"):
        ownership.refuse_others_results(tmp_path, {"report.html", "figures", "model"}, lambda folder: False)
    ownership.refuse_others_results(tmp_path, {"model"}, lambda folder: False)
    ownership.refuse_others_results(tmp_path, {"report.html"}, lambda folder: True)
    ownership.refuse_others_results(tmp_path / "missing", {"report.html"}, lambda folder: False)


@pytest.mark.parametrize("foreign", ["run/model/model.json", "notes.txt", "empty/", ".git/config", "link"])
def test_a_folder_that_holds_other_things_is_not_replaced(tmp_path, foreign):
    target = tmp_path / "records"
    with staging.staged_directory(target, overwrite=False) as folder:
        for name in ("manifest.json", "contrast-train.tfrecord-00000-of-00001", ".DS_Store"):
            (folder / name).write_text("old")
    place = target / foreign
    if foreign == "link":
        place.symlink_to("/")
    elif foreign.endswith("/"):
        place.mkdir()
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("precious")
    with pytest.raises(
        UsageError, match=r"holds what no command wrote there.*move these away:\n  " + foreign.rstrip("/")
    ):
        staging.refuse_existing(target, overwrite=True)
    assert place.exists()

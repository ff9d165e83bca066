"""Models that somebody changed: every command that reads one refuses it, and says what to do."""

import shutil

import pytest
from model_files import age, edit
from png_files import write_png
from running import run

from contrast_tfdata.model import pretrained

SWAPPED = ["with_gad", "no_gad"]


@pytest.fixture
def model(tmp_path):
    """The model folder of a run, with the weights of the package."""
    return shutil.copytree(pretrained.directory(), tmp_path / "run" / "model")


def repeat_a_key(folder):
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace("{", '{"class_names": ["with_gad", "no_gad"],', 1))


CHANGES = {
    "class names": (lambda folder: edit(folder, class_names=SWAPPED), "changed after it was written"),
    "threshold": (lambda folder: edit(folder, operating_point={"threshold": 0.1}), "changed after it was written"),
    "no seal": (lambda folder: edit(folder, content_sha256=None), "changed after it was written"),
    "class names of an older model": (lambda folder: age(folder, class_names=SWAPPED), "`class_names` must be"),
    "sizes of an older model": (
        lambda folder: age(folder, architecture={"image_size": 190, "dropout": 0.2}),
        "prepared with 331 pixels, and the network takes them with 190",
    ),
    "a key twice": (repeat_a_key, "the key 'class_names' stands there twice"),
}


def words(command, folder):
    """Returns the arguments with which a command reads the model of a run."""
    if command == "predict":
        return [write_png(folder / "a.png", 1, size=40), f"--workdir={folder}/run", f"--output={folder}/p.csv"]
    if command == "evaluate":
        return [f"--workdir={folder}/run", f"--records_dir={folder}/records", f"--output_dir={folder}/out"]
    return [f"--workdir={folder}/run", "--format=onnx", f"--output={folder}/out.onnx"]


@pytest.mark.parametrize("command", ["predict", "evaluate", "export"])
def test_changed_models_are_refused_before_anything_is_written(model, tmp_path, command):
    whole = (model / "model.json").read_text()
    arguments = words(command, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for change, message in CHANGES.values():
        change(model)
        result = run(command, *arguments)
        assert result.returncode == 65, result.stderr
        assert f"error: {model}/model.json: " in result.stderr
        assert message in result.stderr
        assert sorted(tmp_path.rglob("*")) == before
        (model / "model.json").write_text(whole)


def test_an_older_model_answers_as_before(model, tmp_path):
    age(model)
    result = run("predict", *words("predict", tmp_path), "--num_workers=1")
    assert result.returncode == 0, result.stderr
    assert "1 series (1 slice)" in result.stdout

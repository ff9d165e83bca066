"""Several runs as one network: what they answer together, and which do not go together."""

import json
import math
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.errors import DataError, UsageError
from contrast_tfdata.evaluation.predictions import sigmoid
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.model import pretrained
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.starting_point import weights_of
from contrast_tfdata.model.weights import save_model
from contrast_tfdata.runs import several_runs
from contrast_tfdata.scoring import carried, networks
from contrast_tfdata.scoring.predictor import Predictor

SIZE = 190
METRICS = {"operating_point": {"threshold": 0.5}}


def description(threshold=0.5, **more):
    return {
        "preprocessing": Preprocessing(image_size=SIZE).to_json(),
        "operating_point": {"threshold": threshold, "criterion": "accuracy", "chosen_on": "validation"},
        "class_names": ["no_gad", "with_gad"],
        "weights_sha256": "0" * 64,
        **more,
    }


def band(low, high):
    return {"indeterminate_band": {"low": low, "high": high, "max_error": 0.02, "chosen_on": "validation"}}


def gate(**bounds):
    return {"input_gate": {"bounds": bounds, "num_slices": 5}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of different weights and thresholds, in a folder as `train --folds` leaves it."""
    folder = tmp_path_factory.mktemp("runs") / "all"
    for number, threshold in enumerate((0.3, 0.8)):
        save_model(folder / f"fold-{number + 1}" / "model", weights_of(ContrastNet(SIZE)), description(threshold))
    (folder / "folds.json").write_text(json.dumps({"runs": [{"name": "fold-1"}, {"name": "fold-2"}]}))
    return folder


def slices(count):
    return np.random.default_rng(4).integers(0, 256, (count, SIZE, SIZE), np.uint8)


@pytest.mark.parametrize("several", ["{0}/fold-1,{0}/fold-2", "{0}/fold-1, {0}/fold-2", "{0}"])
def test_the_logit_is_the_mean_of_the_members(runs, several):
    members, carries = networks.load(several.format(runs))
    alone = [networks.load(f"{runs}/fold-{number}")[0] for number in (1, 2)]
    images, views = slices(5), ("plain", "mirrored")
    one, other = (Predictor(each, views)(images) for each in alone)
    together = Predictor(members, views)(images)
    np.testing.assert_allclose(together, (one + other) / 2, rtol=1e-5, atol=1e-6)
    assert np.abs(one - other).max() > 1e-3
    assert [len(digest) for digest in carries["weights_sha256"]] == [64, 64]


def test_a_single_run_is_no_ensemble(runs):
    members, carries = networks.load(f"{runs}/fold-2")
    assert len(members) == 1
    assert carries["operating_point"]["threshold"] == 0.8
    (line,) = networks.announcements(f"{runs}/fold-2", carries)
    assert line == f"weights: of the run {runs}/fold-2 (SHA-256 {carries['weights_sha256'][:16]})"


def test_the_threshold_is_said_to_be_the_mean_in_logits(runs):
    _, carries = networks.load(str(runs))
    mean = (math.log(0.3 / 0.7) + math.log(0.8 / 0.2)) / 2
    assert carries["operating_point"]["threshold"] == pytest.approx(float(sigmoid(mean)))
    (line,) = networks.announcements(str(runs), carries)
    assert "2 networks answer together" in line
    assert "the threshold 0.567 is the mean of theirs" in line
    assert "(0.300, 0.800)" in line


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.lists(st.floats(-30, 30), min_size=5, max_size=5))
def test_the_ensemble_judges_by_the_mean_margin(thresholds, logits):
    found = networks.combine([str(each) for each in range(len(thresholds))], [description(each) for each in thresholds])
    logits = np.array(logits[: len(thresholds)])
    inner = np.clip(thresholds, 1e-300, 1 - 1e-16)
    margin = np.mean(logits - np.log(inner) + np.log1p(-inner))
    point = carried.choices(found).operating_point
    if abs(margin) > 1e-6 and min(thresholds) > 0 and max(thresholds) < 1:
        assert (sigmoid(logits.mean()) > point.threshold) == (margin > 0)
    assert min(thresholds) - 1e-9 <= point.threshold <= max(thresholds) + 1e-9


PROBABILITIES = st.floats(0, 1)


@given(st.lists(st.lists(PROBABILITIES, min_size=3, max_size=3).map(sorted), min_size=1, max_size=4))
def test_the_band_is_the_mean_band_around_the_threshold(members):
    described = [description(point, **band(low, high)) for low, point, high in members]
    choices = carried.choices(networks.combine([str(each) for each in range(len(members))], described))
    assert choices.band.low <= choices.operating_point.threshold <= choices.band.high
    lows, _, highs = zip(*members, strict=True)
    assert choices.band.low <= max(lows) + 1e-9
    assert choices.band.high >= min(highs) - 1e-9
    if len(set(lows)) == 1:
        assert choices.band.low == pytest.approx(lows[0], abs=1e-9)


def test_no_band_where_a_member_has_none_and_never_a_temperature():
    temperature = {"temperature": {"value": 2.0, "fitted_on": "validation"}}
    found = networks.combine(["a", "b"], [description(0.5, **band(0.4, 0.6), **temperature), description(0.5)])
    assert found["indeterminate_band"] is found["temperature"] is None


def test_the_gate_lets_pass_what_every_members_does():
    found = networks.combine(
        ["a", "b", "c"],
        [description(**gate(edges=[0, 2], greys=[1, 9])), description(**gate(edges=[1, 3])), description()],
    )
    assert carried.gate(found).bounds == {"edges": (1, 2), "greys": (1, 9)}
    with pytest.raises(DataError, match="differ in every edges"):
        networks.combine(["a", "b"], [description(**gate(edges=[0, 1])), description(**gate(edges=[2, 3]))])


def test_every_difference_between_members_is_listed():
    other = {"preprocessing": Preprocessing(image_size=200, intensity="stored").to_json(), "views": ["mirrored"]}
    with pytest.raises(DataError) as error:
        networks.combine(["A", "B"], [description(), description(**other)])
    for line in (
        "do not see the same slices",
        "image_size: A 190, B 200",
        "intensity: A 'foreground_p99', B 'stored'",
        "views: A ['plain'], B ['mirrored']",
    ):
        assert line in str(error.value)


@pytest.mark.parametrize("named", ["{0}/fold-1,{0}/fold-1", "{0},{0}/fold-1", "{0}/fold-1,", ","])
def test_runs_named_twice_and_empty_names_are_refused(runs, named):
    with pytest.raises(UsageError, match="name runs with single commas between them, each once"):
        networks.load(named.format(runs))


def test_a_folder_with_a_comma_in_its_name_is_one_run(runs, tmp_path):
    shutil.copytree(runs / "fold-1", tmp_path / "a,b")
    assert networks.member_names(str(tmp_path / "a,b")) == [str(tmp_path / "a,b")]
    assert networks.member_names("shipped,x") == ["shipped", "x"]
    assert networks.load("shipped")[1]["name"] == networks.load(pretrained.NAME)[1]["name"]


def test_in_a_list_too_an_existing_path_keeps_its_commas_and_blanks(runs, tmp_path):
    names = [str(tmp_path / name) for name in ("a,b", " c ", "d")]
    for name in names:
        shutil.copytree(runs / "fold-1", name)
    for listed in (names, names[::-1], [names[2], names[0], names[1]]):
        assert networks.member_names(",".join(listed)) == listed
    assert networks.member_names(f"{names[2]}, {runs}/fold-2") == [names[2], f"{runs}/fold-2"]


def test_a_list_longer_than_a_name_can_be_is_still_a_list(runs, monkeypatch):
    monkeypatch.chdir(runs)
    several = ",".join([f"{'./' * 100}fold-1", "fold-2"])
    assert networks.member_names(several.replace("/", "//")) == several.replace("/", "//").split(",")
    assert networks.member_names(",".join(f"run-{number}" for number in range(100)))[99] == "run-99"


def test_an_edited_list_of_runs_is_noticed_and_an_older_one_read(runs, tmp_path):
    folder = shutil.copytree(runs, tmp_path / "all")
    rows = [{"name": f"fold-{number}", **several_runs.figures_of(METRICS)} for number in (1, 2)]
    several_runs.write_summary(folder / "folds.json", rows)
    assert networks.member_names(str(folder)) == [f"{folder}/fold-1", f"{folder}/fold-2"]
    written = json.loads((folder / "folds.json").read_text())
    edits = {"runs": written["runs"][:1]}, {"content_sha256": None, "runs": written["runs"][:1]}
    for edit in edits:
        left = {key: value for key, value in {**written, **edit}.items() if value is not None}
        (folder / "folds.json").write_text(json.dumps(left))
        with pytest.raises(DataError, match=r"folds\.json: changed after it was written, .* name the others"):
            networks.member_names(str(folder))
    (folder / "folds.json").write_text(json.dumps({"runs": written["runs"][:1]}))
    assert networks.member_names(str(folder)) == [f"{folder}/fold-1"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"runs": []}', '{"runs": [{"name": "../x"}]}', '{"runs": [{"name": 1}]}', "[" * 9999]
)
def test_damaged_summaries_are_refused(tmp_path, content):
    (tmp_path / "folds.json").write_text(content)
    with pytest.raises(DataError, match=r"folds\.json: damaged, or of a training that did not end"):
        networks.load(str(tmp_path))


class Unpickled:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


@pytest.mark.parametrize("name", ["weights.h5", "model.keras", "model.pkl", "model.json"])
def test_files_are_no_runs_and_nothing_of_them_is_read(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps(Unpickled()))
    for workdir in (tmp_path / name, f"shipped,{tmp_path / name}"):
        with pytest.raises(DataError, match="a file, of which nothing was read: a run is a folder"):
            networks.load(str(workdir))

"""Every flag of every command: numbers are finite, and paths may begin with `~`."""

import json
import os

import pytest
from running import run, run_program

FLAGS = """
import importlib, json
from absl import flags
for name in ("make_records", "train", "evaluate", "predict", "export"):
    importlib.import_module(f"contrast_tfdata.{name}")

def taken(name, value):
    try:
        flags.FLAGS[name].parse(value)
    except flags.IllegalFlagValueError:
        return None
    return flags.FLAGS[name].value

found = {}
for name in flags.FLAGS:
    if flags.FLAGS.find_module_defining_flag(name).startswith("contrast_tfdata"):
        kind = flags.FLAGS[name].flag_type()
        found[name] = {"kind": kind, **{text: taken(name, text) for text in VALUES if kind in ("float", "path")}}
print(json.dumps(found))
"""
NOT_FINITE = ("nan", "-nan", "inf", "-inf", "1e39", "-1e400")
PATHS = [
    *("train_dir", "test_dir", "table", "keep_split_of", "output_dir", "output", "report", "weights", "init_weights"),
    *("records_dir", "phantom_records_dir", "group_key_file", "workdir"),
]


@pytest.fixture(scope="module")
def found():
    values = (*NOT_FINITE, "0.5", "~/x", "a,~/x", " ", "a\0b")
    result = run_program(f"VALUES = {values!r}\n{FLAGS}")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_no_number_may_be_nan_or_infinite(found):
    floats = [name for name, flag in found.items() if flag["kind"] == "float"]
    assert {"learning_rate", "validation_fraction", "max_error", "ema"} <= set(floats)
    for name in floats:
        assert [found[name][text] for text in NOT_FINITE] == [None] * len(NOT_FINITE), name


@pytest.mark.parametrize("name", PATHS)
def test_paths_may_begin_with_a_tilde(found, name):
    assert found[name]["~/x"] == os.path.expanduser("~/x")
    assert found[name][" "] is None
    assert found[name]["a\0b"] is None


@pytest.mark.parametrize("name", ["records_dir", "output_dir", "workdir", "init_weights"])
def test_what_tensorflow_opens_has_a_name_that_it_takes(tmp_path, name):
    words = {"records_dir": "evaluate", "output_dir": "make_records", "workdir": "train", "init_weights": "train"}
    result = run(words[name], os.fsdecode(b"--%s=odd\xff" % name.encode()), cwd=tmp_path)
    assert result.returncode == 1
    assert "whose name is UTF-8" in result.stderr


def test_each_of_several_runs_may_begin_with_a_tilde(found):
    assert found["workdir"]["a,~/x"] == f"a,{os.path.expanduser('~/x')}"


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--learning_rate=nan"],
        ["train", "--augment=rotation=nan"],
        ["train", "--augment=fill_mode=constant,fill_value=inf"],
        ["train", "--augment=log_gamma=nan"],
        ["train", "--criterion=specificity=nan"],
        ["make_records", "--phantom_patients=3", "--phantom_rates=stripped=nan"],
        ["make_records", "--phantom_patients=3", "--slice_range=nan,1"],
        ["predict", "x", "--slice_range=0,inf"],
    ],
    ids=" ".join,
)
def test_numbers_within_texts(tmp_path, words):
    folders = {"train": ["--records_dir=r", "--workdir=w"], "make_records": ["--output_dir=r"], "predict": []}
    result = run(*words, *folders[words[0]], cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    assert not list(tmp_path.iterdir())

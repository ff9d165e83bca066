"""No setting of the user's other programs changes a result or ends a command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent

NETWORK = """
import numpy as np, tensorflow as tf
from contrast_tfdata.model.contrast_net import ContrastNet
from contrast_tfdata.model.reference import reference_network
tf.keras.utils.set_random_seed(1)
network = ContrastNet(190)
reference = reference_network(190, logits=True)
reference.set_weights(network.get_weights())
pixels = np.random.default_rng(0).integers(0, 256, (2, 190, 190), np.uint8)
print(network(pixels).numpy().ravel().tolist())
print(reference(np.repeat(pixels[..., None], 3, -1).astype(np.float32) / 255).numpy().ravel().tolist())
"""


def started(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def keras_home(tmp_path):
    folder = tmp_path / "keras"
    folder.mkdir()
    settings = {"floatx": "float32", "epsilon": 1e-7, "backend": "tensorflow", "image_data_format": "channels_first"}
    (folder / "keras.json").write_text(json.dumps(settings))
    return str(folder)


@pytest.mark.slow
def test_channel_order_is_fixed_whatever_keras_is_told(keras_home):
    plain, told = started(NETWORK), started(NETWORK, KERAS_HOME=keras_home)
    for ours, theirs in zip(map(json.loads, plain.split("\n")[:2]), map(json.loads, told.split("\n")[:2]), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.slow
def test_commands_read_no_configuration_of_keras(keras_home):
    code = (
        "from contrast_tfdata.console import surroundings; surroundings.make_independent(); import tensorflow as tf;"
        "print(tf.keras.backend.image_data_format())"
    )
    assert started(code, KERAS_HOME=keras_home).split()[-1] == "channels_last"


FIGURE = """
from contrast_tfdata.console import surroundings
surroundings.make_independent()
from contrast_tfdata.report import figures, style
@style.own_settings
def draw():
    style.write_png(figures.confusion({"Validation": [[3, 1], [0, 4]]}), __import__("pathlib").Path("figure.png"))
draw()
"""


@pytest.mark.slow
def test_neither_a_notebooks_backend_nor_a_matplotlibrc_changes_a_figure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    started(FIGURE)
    plain = np.asarray(Image.open("figure.png"))
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "matplotlibrc").write_text("text.usetex: True\nfont.size: 30\naxes.facecolor: black\n")
    started(FIGURE, MPLBACKEND="module://matplotlib_inline.backend_inline", MPLCONFIGDIR=str(folder))
    np.testing.assert_array_equal(np.asarray(Image.open("figure.png")), plain)


@pytest.mark.slow
def test_a_notebooks_colours_do_not_fill_a_pipe(tmp_path):
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / "a.png")
    words = [sys.executable, "-m", "contrast_tfdata.predict", "a.png"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TERM": "xterm"}
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout


def test_importing_the_package_makes_tensorflow_fast():
    code = "import os, contrast_tfdata; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    for given, expected in ((None, "1"), ("0", "0")):
        more = {} if given is None else {"TF_ENABLE_ONEDNN_OPTS": given}
        words = [sys.executable, "-c", code]
        done = subprocess.run(words, capture_output=True, text=True, check=True, env={**environment, **more}, cwd=ROOT)
        assert done.stdout.strip() == expected


WARNED = """
from contrast_tfdata.console import surroundings
surroundings.make_independent()
import multiprocessing, warnings
def warn(category):
    warnings.warn("of the future", category)
    return True
if __name__ == "__main__":
    assert all(map(warn, (UserWarning, DeprecationWarning, ResourceWarning)))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(warn, (DeprecationWarning,))
"""


@pytest.mark.parametrize("more", [{}, {"PYTHONDEVMODE": "1"}])
def test_no_librarys_warning_ends_a_command(tmp_path, more):
    script = tmp_path / "warned.py"
    script.write_text(WARNED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **more}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr


def test_an_interpreter_without_docstrings_is_named():
    code = "from contrast_tfdata.console import checked_packages; checked_packages.require_tensorflow()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONOPTIMIZE": "2"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert "unset PYTHONOPTIMIZE" in done.stderr

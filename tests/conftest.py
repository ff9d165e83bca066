"""What several test modules need: the environment of the commands, small image trees, records."""

import gc
import os
from pathlib import Path

# Before anything imports TensorFlow, as the commands do it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from hypothesis import settings
from png_files import write_tree

# Without a deadline: a slow example says more about what else the machine does than about the code. `make fuzz` has all
# the examples, every other run fewer than hypothesis's 100.
settings.register_profile("quick", deadline=None, max_examples=40)
settings.register_profile("all", deadline=None, max_examples=400)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

_TOGETHER = {
    "trainings": ("test_loop", "test_starting_over", "test_surviving"),
    "pages": ("test_commands_in_pages", "test_reference"),
    "networks": ("test_conformance", "test_contrast_net", "test_inference", "test_micro_batches"),
}
"""Files that share what tests of one process have made: finished runs, traced networks."""


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items):
    """Keeps what belongs together in one of pytest-xdist's processes, and puts first what takes longest.

    Tests of one file share what they made. Those that start several processes share one group, so that no two of them
    run beside each other; begun first, they are not what all others are waited for at the end. A wrapper, since
    pytest-xdist reads the groups before any other hook is called.
    """
    groups = {stem: name for name, stems in _TOGETHER.items() for stem in stems}
    for item in items:
        name = "processes" if item.get_closest_marker("processes") else groups.get(item.path.stem, item.path.stem)
        item.add_marker(pytest.mark.xdist_group(name))
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (not item.get_closest_marker("processes"), item.path not in slow))
    return (yield)


def pytest_collection_finish(session):
    """Checks that groups were read; what is imported stays, so that the collector need not look through it again."""
    grouped = getattr(session.config.option, "loadgroup", False)
    if grouped and not all("@" in item.nodeid for item in session.items):
        raise pytest.UsageError("pytest-xdist has not read the groups of the tests: it does not fit this pytest")
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _own_data_folder(tmp_path_factory):
    """Commands keep the key that hashes patients in the user's data folder: not in that of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data_home")))
        yield


@pytest.fixture
def png_tree(tmp_path):
    """Makes a folder with `counts` pictures a class, four of each patient: <root>/<class>/p<patient>_<number>.png."""

    def make(counts=(12, 8), root=None, first_seed=0):
        return write_tree(root or tmp_path / "pictures", counts, first_seed)

    return make


@pytest.fixture(scope="session")
def real_data():
    """The folder of real images, where there is one."""
    folder = os.environ.get("CONTRAST_REAL_DATA")
    if not folder:
        pytest.skip("CONTRAST_REAL_DATA names no folder of real images")
    return Path(folder)

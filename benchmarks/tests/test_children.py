"""Child processes of the benchmarks, with real ones."""

import pytest

from benchmarks import machine, pictures
from benchmarks.children import Child, ChildError
from benchmarks.settings import Setting, as_the_commands_start, as_the_slides_start
from contrast_tfdata.images import reading

LIMITS = "benchmarks.workloads.machine_limits"


def test_a_call_is_answered_and_memory_is_the_childs_own():
    with Child(LIMITS) as child:
        rates = child.call("rates")
        memory = child.call("memory")
    assert min(rates.values()) > 0
    # Two copied arrays of 256 MiB, and far less than this process, which has imported TensorFlow, would add to it.
    assert 512 * 2**20 < memory["now"] <= memory["peak"] < 900 * 2**20


def test_what_a_child_said_last_is_in_the_error():
    with Child(LIMITS) as child, pytest.raises(ChildError, match=r"(?s)ended without an answer.*KeyError: 'unknown'"):
        child.call("unknown")


def test_a_child_that_cannot_start():
    with Child("benchmarks.workloads.missing") as child, pytest.raises(ChildError, match="No module named"):
        child.call("rates")


@pytest.mark.parametrize(
    ("setting", "onednn"),
    [
        (as_the_commands_start(), "1"),
        (as_the_slides_start(), None),
        (as_the_slides_start(avx2=True), "0"),
        (Setting("on", "1", avx2=True), "1"),
    ],
)
def test_settings(setting, onednn):
    assert setting.environment["TF_ENABLE_ONEDNN_OPTS"] == onednn
    assert ("ONEDNN_MAX_CPU_ISA" in setting.environment) == setting.avx2


def test_a_variable_is_removed(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    assert "TF_ENABLE_ONEDNN_OPTS" not in Child(LIMITS, as_the_slides_start().environment)._environ


@pytest.mark.parametrize("image_format", pictures.FORMATS)
def test_sample_pictures_are_read_and_differ(image_format):
    files = pictures.samples(image_format, 8)
    assert len(set(files)) == 8
    facts = reading.scan(files[0])
    assert (facts.format, facts.warnings) == (image_format, ())
    assert reading.read(files[0], facts, [0])[0].pixels.shape == (512, 512)


def test_a_tree_has_the_share_of_the_slides(tmp_path):
    pictures.write_tree(tmp_path / "tree", 20)
    counts = {folder.name: len(list(folder.iterdir())) for folder in (tmp_path / "tree").iterdir()}
    assert counts == {"no_gad": 15, "with_gad": 5}
    assert len({path.read_bytes() for path in (tmp_path / "tree").rglob("*.png")}) == 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model name\t: X 9\nflags\t\t: fpu avx2 avx512f\nmodel name\t: X 9\nflags\t: avx2\n", ("X 9", ["avx2"])),
        ("processor : 0\n", (None, [])),
    ],
)
def test_machine_is_read_from_cpu_info(text, expected):
    assert (machine.cpu_name(text), machine.instructions(text)) == expected

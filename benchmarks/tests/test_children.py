"""Child processes of the benchmarks, with real ones."""

import pytest

from benchmarks import machine, pictures, settings
from benchmarks.children import Child, ChildError, seconds_of
from benchmarks.settings import Setting, as_the_commands_start, as_the_slides_start
from contrast_tfdata.images import reading

LIMITS = "benchmarks.workloads.machine_limits"


def test_a_call_is_answered_and_memory_is_the_childs_own():
    with Child(LIMITS) as child:
        rates = child.call("rates", precisions=["float32"], sides=[64, 128])
        memory = child.call("memory")
    assert rates.keys() == {"NumPy float32", "TensorFlow float32", "bytes_per_second"}
    assert min(rates.values()) > 0
    # Two copied arrays of 256 MiB, and TensorFlow; this process, which holds it too, would double that.
    assert 512 * 2**20 < memory["now"] <= memory["peak"] < 1400 * 2**20


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
    assert setting.environment["OMP_NUM_THREADS"] is None
    assert setting.environment["TF_ENABLE_ONEDNN_OPTS"] == onednn
    assert (setting.environment["ONEDNN_MAX_CPU_ISA"] == "AVX2") == setting.avx2


def test_a_variable_is_removed(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    assert "TF_ENABLE_ONEDNN_OPTS" not in Child(LIMITS, as_the_slides_start().environment)._environ


def test_what_holds_a_library_back_is_named_and_removed(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert settings.removed()["OPENBLAS_CORETYPE"] == "Haswell"
    assert "OPENBLAS_CORETYPE" not in Child(LIMITS, as_the_slides_start().environment)._environ
    assert Child(LIMITS, as_the_slides_start(avx2=True).environment)._environ["OPENBLAS_CORETYPE"] == "Haswell"


def test_a_program_runs_to_its_end_or_says_why_not():
    assert seconds_of("platform") > 0
    with pytest.raises(ChildError, match=r"(?s)calendar nonsense: ended with .*invalid int value"):
        seconds_of("calendar", "nonsense")


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


def test_volumes_hold_all_slices(tmp_path):
    pictures.write_volumes(tmp_path / "volumes", 2 * pictures.VOLUME_SLICES + 4, 64)
    found = sorted((tmp_path / "volumes").rglob("*.nii"))
    assert [reading.scan(path.read_bytes()).num_slices for path in found] == 2 * [pictures.VOLUME_SLICES, 2]


def test_a_series_lies_in_one_direction(tmp_path):
    pictures.write_series(tmp_path / "series", 5)
    facts = [reading.scan(path.read_bytes()) for path in sorted((tmp_path / "series").iterdir())]
    assert len({(each.study_uid, each.series_uid) for each in facts}) == 1
    assert len({each.frames[0].position for each in facts}) == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model name\t: X 9\nflags\t\t: fpu avx2 avx512f\nmodel name\t: X 9\nflags\t: avx2\n", ("X 9", ["avx2"])),
        ("processor : 0\n", (None, [])),
    ],
)
def test_machine_is_read_from_cpu_info(text, expected):
    assert (machine.cpu_name(text), machine.instructions(text)) == expected

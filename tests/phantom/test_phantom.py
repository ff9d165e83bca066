"""The phantom as its users see it: determinism, shared geometry, enhancement, weak brightness, files."""

import dataclasses
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from contrast_tfdata.images.histogram import match_foreground
from contrast_tfdata.images.slices import Slice
from contrast_tfdata.phantom import (
    EASY_OPTIONS,
    PhantomOptions,
    PhantomPatient,
    contact_sheet,
    generate_patient,
    write_png_tree,
)
from contrast_tfdata.phantom import patient as patient_module
from contrast_tfdata.phantom.tissue import Tissue

SMALL = PhantomOptions(slices_per_class=2, matrix=128)


def _digest(patient: PhantomPatient) -> str:
    return hashlib.sha256(b"".join(one.pixels.tobytes() for one in (*patient.pre, *patient.post))).hexdigest()


@pytest.fixture(scope="module")
def patients() -> list[PhantomPatient]:
    return [generate_patient(17, number, SMALL) for number in range(60)]


def test_same_patient_in_another_order(patients):
    assert _digest(generate_patient(17, 3, SMALL)) == _digest(patients[3])
    assert _digest(generate_patient(17, 0, SMALL)) == _digest(patients[0])


def test_same_patient_in_another_process(patients):
    program = """
import hashlib, json, sys
from contrast_tfdata.phantom import PhantomOptions, generate_patient
made = generate_patient(17, 5, PhantomOptions(slices_per_class=2, matrix=128))
digest = hashlib.sha256(b"".join(one.pixels.tobytes() for one in (*made.pre, *made.post))).hexdigest()
print(json.dumps([digest, "tensorflow" in sys.modules]))
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(finished.stdout) == [_digest(patients[5]), False]


def test_patients_and_seeds_differ(patients):
    digests = {_digest(patient) for patient in patients}
    assert len(digests) == len(patients)
    assert _digest(generate_patient(18, 0, SMALL)) not in digests


def test_fewer_slices_do_not_change_the_ones_that_stay(patients):
    fewer = patient_module.render(17, 2, SMALL, 2, 1)
    np.testing.assert_array_equal(fewer.pre[1].pixels, patients[2].pre[1].pixels)
    np.testing.assert_array_equal(fewer.post[0].pixels, patients[2].post[0].pixels)
    assert len(fewer.post) == 1


@pytest.mark.parametrize("matrix", [64, 128, 256])
def test_slices_are_what_the_options_say(matrix):
    made = generate_patient(0, 1, PhantomOptions(slices_per_class=3, matrix=matrix))
    for series in (made.pre, made.post):
        assert [one.index for one in series] == [0, 1, 2]
        assert all(one.pixels.shape == (matrix, matrix) for one in series)
        assert all(one.pixels.dtype == np.uint8 for one in series)
        assert all(150 < one.spacing[0] * matrix < 300 for one in series)


def test_every_slice_shows_something(patients):
    for patient in patients:
        for one in (*patient.pre, *patient.post):
            assert np.ptp(one.pixels) > 25
            assert (one.pixels > one.pixels.min() + 4).mean() > 0.08


def _scenes(count: int, options: PhantomOptions):
    """Yields (scene, series before, series after) of slice 0 of patients: the inside of `render`."""
    for number in range(count):
        rng = np.random.default_rng(number)
        person = patient_module._draw_person(rng, options)
        before, after = patient_module._draw_series(rng, person, options)
        yield patient_module._paint(person, 0, options, rng), before, after


def test_pre_and_post_share_their_geometry():
    # Stripped slices show their outline whatever the window; another patient's outline tells how much that proves.
    options = PhantomOptions(slices_per_class=1, matrix=128, stripped_rate=1.0, jpeg_rate=0.0)
    made = [generate_patient(4, number, options) for number in range(8)]
    before, after = (
        [_outline(series) for series in pair] for pair in zip(*((p.pre, p.post) for p in made), strict=True)
    )
    same = [_dice(a, b) for a, b in zip(before, after, strict=True)]
    other = [_dice(a, b) for a, b in zip(before, after[1:], strict=False)]
    assert min(same) > 0.93
    assert np.mean(other) < 0.85


def _outline(series: tuple[Slice, ...]) -> np.ndarray:
    return ndimage.binary_fill_holes(series[0].pixels > 0)


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_vessels_brighten_against_white_matter():
    gains = []
    for scene, before, after in _scenes(8, PhantomOptions(slices_per_class=1, matrix=128, mismatch_rate=0.0)):
        maps = [patient_module._signal_map(scene, series) for series in (before, after)]
        vessel = np.isin(scene.overlay, (Tissue.VEIN, Tissue.SINUS, Tissue.CHOROID))
        white = (scene.brain.white > 0.9) & (scene.brain.cover > 0.9) & (scene.overlay == 0)
        ratios = [signal[vessel].mean() / signal[white].mean() for signal in maps]
        gains.append(ratios[1] / ratios[0])
    assert min(gains) > 1.02  # Weak enhancement is wanted, none is not.
    assert np.median(gains) > 1.3


def test_barriers_hold():
    usual = (0.4, 0.7)  # mmol/L in plasma; white matter's own blood brightens it by more after a double dose.
    options = PhantomOptions(slices_per_class=1, matrix=128, mismatch_rate=0.0, plasma=usual)
    for scene, before, after in _scenes(20, options):
        ratio = after.signal / np.maximum(before.signal, 1e-6)
        assert scene.labels.max() < len(Tissue)
        assert after.concentration[Tissue.WHITE] < 0.1 * after.concentration[Tissue.VEIN]  # Its blood volume: 2 %.
        assert 1.0 <= ratio[Tissue.WHITE] < 1.12
        assert ratio[Tissue.CSF] == pytest.approx(1.0)


def test_truth_says_what_enhances():
    options = PhantomOptions(slices_per_class=1, matrix=128, mismatch_rate=0.0, plasma=(0.6, 1.6))
    rises = []
    for scene, before, after in _scenes(6, options):
        everything = np.ones((128, 128), dtype=bool)
        truth = patient_module._truth(scene, everything, after.concentration)
        maps = [patient_module._signal_map(scene, series)[::2, ::2] for series in (before, after)]
        rise = maps[1] / np.maximum(maps[0], 1e-3)
        seen = (maps[0] > 0.02) & (truth.tissue != Tissue.AIR)
        assert 0.005 < truth.enhancing.mean() < 0.6
        rises.append(np.median(rise[truth.enhancing & seen]) - np.median(rise[~truth.enhancing & seen]))
        brain = np.isin(truth.tissue, (Tissue.GREY, Tissue.WHITE, Tissue.CSF))
        assert not truth.enhancing[brain].any()
    assert min(rises) > 0.02
    assert np.median(rises) > 0.1


def test_truth_of_a_stripped_patient_ends_at_the_brain():
    options = PhantomOptions(slices_per_class=2, matrix=128, stripped_rate=1.0, jpeg_rate=0.0)
    for number in range(4):
        made = generate_patient(8, number, options)
        assert len(made.truth) == 2
        for one, truth in zip(made.post, made.truth, strict=True):
            assert truth.tissue.shape == truth.concentration.shape == truth.enhancing.shape == (128, 128)
            assert (truth.tissue.dtype, truth.concentration.dtype) == (np.uint8, np.float32)
            assert not truth.enhancing[one.pixels == 0].mean() > 0.02
            assert not np.isin(truth.tissue, (Tissue.TONGUE, Tissue.DISC, Tissue.MUSCLE)).mean() > 0.01


def test_defaced_patients_have_no_face():
    shown = PhantomOptions(slices_per_class=1, matrix=128, stripped_rate=0.0, defaced_rate=0.0, jpeg_rate=0.0)
    hidden = dataclasses.replace(shown, defaced_rate=1.0)
    for number in range(4):
        whole, cut = generate_patient(8, number, shown), generate_patient(8, number, hidden)
        lost = (whole.truth[0].tissue > 0) & (cut.truth[0].tissue == 0)
        assert 0.005 < lost.mean() < 0.35
        assert not np.isin(whole.truth[0].tissue[lost], (Tissue.GREY, Tissue.WHITE)).mean() > 0.05
        assert not cut.post[0].pixels[lost].any()


def test_the_brain_fills_the_skull():
    scene, _, _ = next(_scenes(1, PhantomOptions(slices_per_class=1, matrix=128)))
    bone = np.isin(scene.labels, (Tissue.BONE, Tissue.FATTY_MARROW))
    assert bone[(scene.brain.distance > 0) & (scene.brain.distance < 12)].mean() > 0.25
    assert not bone[scene.brain.cover > 0.99].mean() > 0.05
    assert 0.12 < scene.brain.cover.mean() < 0.5


@pytest.mark.parametrize("statistic", [np.mean, np.std, lambda pixels: (pixels > 180).mean()])
def test_brightness_alone_hardly_separates(patients, statistic):
    slices = [(0, one) for patient in patients for one in patient.pre]
    slices += [(1, one) for patient in patients for one in patient.post]
    labels, scores = zip(*((label, statistic(one.pixels)) for label, one in slices), strict=True)
    auc = roc_auc_score(labels, scores)
    assert 0.35 < auc < 0.65, f"AUC {auc:.3f}"


def _last_slice(seed: int, number: int, options: PhantomOptions) -> list[np.ndarray]:
    """Returns a patient's last slice before and after contrast, without what `render` paints before it."""
    module, place = patient_module, options.slices_per_class - 1
    person = module._draw_person(np.random.default_rng([module._ANATOMY, seed, number]), options)
    series = module._draw_series(np.random.default_rng([module._SCAN, seed, number]), person, options)
    scene = module._paint(person, place, options, np.random.default_rng([module._SLICE, seed, number, place]))
    kept = module._kept(scene, person, np.random.default_rng([module._STRIP, seed, number, place]))
    streams = (np.random.default_rng([module._IMAGE, seed, number, place, contrast]) for contrast in (0, 1))
    return [module._picture(scene, kept, each, rng) for each, rng in zip(series, streams, strict=True)]


def _rim(pixels: np.ndarray) -> np.ndarray:
    """Returns (height, width) bool: the outermost 4 pixels of 256 of a stripped brain."""
    depth = ndimage.distance_transform_edt(ndimage.binary_fill_holes(pixels > 30))
    return (depth > 0) & (depth <= 4)


@pytest.mark.slow
def test_vessels_show_at_the_rim_of_stripped_brains_far_from_the_midline():
    """With brightness taken away, as in three real patients, where the share above 170 there has an AUC of 0.97."""
    options = PhantomOptions(slices_per_class=2, stripped_rate=1.0, matched_rate=0.0, jpeg_rate=0.0)
    whole = generate_patient(23, 0, options)
    for one, series in zip(_last_slice(23, 0, options), (whole.pre, whole.post), strict=True):
        np.testing.assert_array_equal(one, series[1].pixels)
    labels, scores = [], []
    for number in range(30):
        for label, pixels in enumerate(map(match_foreground, _last_slice(23, number, options))):
            labels.append(label)
            scores.append((pixels[_rim(pixels)] > 170).mean())
    assert roc_auc_score(labels, scores) > 0.75


def test_about_a_third_is_stripped(patients):
    corners = [
        (patient.pre[0].pixels == 0).mean() > 0.6 and not patient.pre[0].pixels[-8:].any() for patient in patients
    ]
    assert 0.12 < np.mean(corners) < 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slices_per_class", 0),
        ("matrix", 63),
        ("matrix", 65),
        ("matrix", 2048),
        ("max_offset_mm", -1.0),
        ("max_offset_mm", 41.0),
        ("stripped_rate", 1.5),
        ("mismatch_rate", -0.1),
        ("lesion_rate", float("nan")),
    ],
)
def test_options_refuse_bad_values(name, value):
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        PhantomOptions(**{name: value})


def test_rates_replace_those_of_the_options_and_nothing_else():
    changed = EASY_OPTIONS.with_rates(["stripped=0.25", " matched = 1"])
    assert changed == dataclasses.replace(EASY_OPTIONS, stripped_rate=0.25, matched_rate=1.0)
    assert EASY_OPTIONS.with_rates([]) == EASY_OPTIONS


@pytest.mark.parametrize(
    "words", [["fat=1"], ["plasma=1"], ["stripped"], ["stripped=much"], ["jpeg=0", "jpeg=0"], ["=1"], [""]]
)
def test_rates_that_are_none_are_refused(words):
    with pytest.raises(ValueError, match=f"Received: {words[-1]}$"):
        PhantomOptions().with_rates(words)


@pytest.mark.parametrize(("seed", "number"), [(-1, 0), (0, -1)])
def test_negative_seed_or_patient_is_refused(seed, number):
    with pytest.raises(ValueError, match="Received"):
        generate_patient(seed, number)


COUNTS = {"Train": {"no_gad": 7, "with_gad": 3}, "Test": {"no_gad": 4, "with_gad": 5}}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    write_png_tree(root, COUNTS, seed=2, size=96, options=SMALL, workers=2)
    return root


def test_tree_has_exactly_the_counts(tree):
    for split, classes in COUNTS.items():
        for name, count in classes.items():
            files = sorted((tree / split / name).iterdir())
            assert len(files) == count
            with Image.open(files[0]) as image:
                assert (image.format, image.mode, image.size) == ("PNG", "L", (96, 96))


def test_no_patient_is_in_two_splits(tree):
    names = {split: {path.name.split("_")[0] for path in (tree / split).glob("*/*.png")} for split in COUNTS}
    assert names["Train"].isdisjoint(names["Test"])


def test_tree_is_the_same_with_one_worker(tree, tmp_path):
    write_png_tree(tmp_path, COUNTS, seed=2, size=96, options=SMALL, workers=1)
    paths = sorted(path.relative_to(tree) for path in tree.rglob("*.png"))
    assert paths == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.png"))
    assert all((tree / path).read_bytes() == (tmp_path / path).read_bytes() for path in paths)


@pytest.mark.parametrize("counts", [{"Train": {"gad": 1}}, {"Train": {"no_gad": -1}}])
def test_tree_refuses_unknown_classes_and_negative_counts(counts, tmp_path):
    with pytest.raises(ValueError, match="Received: Train/"):
        write_png_tree(tmp_path / "out", counts, seed=0)
    assert not (tmp_path / "out").exists()


def test_contact_sheet_places_slices_row_by_row():
    slices = [Slice(np.full((30, 20), level, dtype=np.uint8)) for level in (50, 100, 200)]
    sheet = contact_sheet(slices, columns=2, tile=40)
    assert sheet.shape == (80, 80)
    assert [sheet[20, 20], sheet[20, 60], sheet[60, 20], sheet[60, 60]] == [50, 100, 200, 0]


def test_contact_sheet_refuses_nothing():
    with pytest.raises(ValueError, match="0 slices"):
        contact_sheet([], columns=2)

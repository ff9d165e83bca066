"""What the input gate refuses, and what it lets pass: heads, and some pictures that are none."""

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage
from sklearn.datasets import load_sample_images

from contrast_tfdata import CLASS_NAMES
from contrast_tfdata.evaluation import InputGate
from contrast_tfdata.evaluation.input_gate import LEAST_RANGES, MARGIN, series_refusal
from contrast_tfdata.images import reading
from contrast_tfdata.images.appearance import appearance
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.images.slices import RejectedImageError, Slice
from contrast_tfdata.intake.files import list_files
from contrast_tfdata.intake.selection import SliceSelection
from contrast_tfdata.phantom.patient import generate_patient

GATE = InputGate.around(())
PREPARED = Preprocessing()
SIDE = 256


def prepared(picture):
    return PREPARED(Slice(np.clip(np.rint(picture), 0, 255).astype(np.uint8)))


def stretched(picture):
    return prepared((picture - picture.min()) / np.ptp(picture) * 255)


def noise(rng):
    return prepared(np.hypot(*rng.normal(0, 40, (2, SIDE, SIDE))))


def smooth_texture(rng):
    return stretched(ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), rng.uniform(1.5, 16)))


def natural_texture(rng):
    """Noise whose amplitude falls with its frequency, as that of photographs does."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE))
    frequency[0, 0] = 1
    return stretched(np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE, SIDE))) / frequency ** rng.uniform(0.8, 1.6)).real)


def writing(rng):
    paper, ink = rng.permutation([0, 255]).tolist()
    picture = Image.new("L", (SIDE, SIDE), paper)
    for top in range(5, SIDE - 10, 12):
        ImageDraw.Draw(picture).text((5, top), "".join(rng.choice(list("abcdefgh ijkl mnop"), 38)), fill=ink)
    return prepared(np.asarray(picture))


def drawing(rng):
    picture = Image.new("L", (SIDE, SIDE))
    for _ in range(rng.integers(1, 12)):
        x, y, radius, grey = rng.integers((0, 0, 8, 60), (SIDE, SIDE, 90, 256)).tolist()
        ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), fill=grey)
    return prepared(np.asarray(picture))


def almost_empty(rng):
    x, y, side = rng.integers((0, 0, 2), (SIDE - 20, SIDE - 20, 20)).tolist()
    picture = np.zeros((SIDE, SIDE))
    picture[y : y + side, x : x + side] = 200
    return prepared(picture)


@pytest.mark.parametrize("kind", [noise, smooth_texture, natural_texture, writing, drawing, almost_empty])
def test_what_is_no_head_is_refused(kind):
    rng = np.random.default_rng(1)
    refused = [GATE.refusal(kind(rng)) for _ in range(30)]
    assert all(refused), [number for number, reason in enumerate(refused) if not reason]


def test_half_of_the_photographs_pass():
    """A limit, and where it lies: photographs have the measures of heads too often for these to tell them apart."""
    rng, refused = np.random.default_rng(2), []
    for photograph in load_sample_images().images:
        grey = photograph.mean(axis=2)
        for top, left in rng.integers(0, (grey.shape[0] - 250, grey.shape[1] - 250), (20, 2)):
            refused.append(bool(GATE.refusal(prepared(grey[top : top + 250, left : left + 250]))))
    assert 0.25 < np.mean(refused) < 0.75


def test_most_round_gradients_pass():
    """Another limit: the steeper ones are neither too smooth nor too empty."""
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    slopes = np.linspace(1, 4, 10)
    refused = [bool(GATE.refusal(prepared(255 * (1 - slope * np.hypot(rows, columns))))) for slope in slopes]
    assert 0 < np.mean(refused) < 0.5


@pytest.fixture(scope="module")
def phantom():
    patients = [generate_patient(5, number) for number in range(2)]
    return [PREPARED(each) for patient in patients for each in (*patient.pre, *patient.post)]


def test_the_phantom_passes_and_its_negative_does_not(phantom):
    assert [GATE.refusal(each) for each in phantom] == [""] * 16
    assert all(GATE.refusal(PREPARED(Slice(255 - each))) for each in phantom)


def test_turned_heads_pass(phantom):
    """A limit: none of the measures knows what is up."""
    assert [GATE.refusal(np.rot90(each)) for each in phantom] == [""] * 16


@pytest.mark.parametrize("gate", [InputGate(), GATE])
@pytest.mark.parametrize("grey", [0, 7])
def test_a_blank_slice_is_refused_by_any_gate(gate, grey):
    assert gate.refusal(np.full((24, 24), grey, np.uint8)) == "blank"


def test_a_gate_without_bounds_lets_all_else_pass():
    assert InputGate().refusal(noise(np.random.default_rng(0))) == ""


def _within_least_ranges(pixels):
    found = appearance(pixels)
    return all(low <= found[name] <= high for name, (low, high) in LEAST_RANGES.items())


def test_training_slices_widen_the_bounds_and_never_narrow_them(phantom):
    inside = [each for each in phantom if _within_least_ranges(each)]
    assert len(inside) >= 8
    assert InputGate.around(inside).bounds == GATE.bounds
    rng = np.random.default_rng(3)
    odd = [noise(rng) for _ in range(30)]
    assert GATE.refusal(odd[0]) == "foreground_share"
    assert InputGate.around(odd[1:]).refusal(odd[0]) == ""
    # One stray picture in 400 does not.
    assert InputGate.around(phantom * 25 + odd[1:2]).refusal(odd[0]) == "foreground_share"


def test_bounds_lie_the_margin_beyond_the_least_ranges():
    for name, (low, high) in LEAST_RANGES.items():
        assert GATE.bounds[name] == pytest.approx((low - MARGIN * (high - low), high + MARGIN * (high - low)))


def test_what_is_stored_reads_back(phantom):
    gate = InputGate.around(phantom)
    assert gate.num_slices == 16
    assert InputGate.from_dict(gate.to_dict()) == gate


@pytest.mark.parametrize("bounds", [{"edges": (2, 1)}, {"edges": (float("nan"), 1)}, {"hair": (0, 1)}])
def test_bad_bounds_are_refused(bounds):
    with pytest.raises(ValueError, match="Bounds must be a measure's, and rising. Received: "):
        InputGate(bounds)


@pytest.mark.parametrize(
    ("refusals", "reason"),
    [
        ([""], ""),
        (["blank"], "blank"),
        (["blank", ""], ""),
        (["blank", "", "grain"], "blank"),
        (["edges", "grain", "grain", "", ""], "grain"),
    ],
)
def test_a_series_is_refused_with_most_of_its_slices(refusals, reason):
    assert series_refusal(refusals) == reason


@pytest.fixture
def real():
    if "CONTRAST_REAL_DATA" not in os.environ:
        pytest.skip("CONTRAST_REAL_DATA names no folder of real images")
    return Path(os.environ["CONTRAST_REAL_DATA"])


def slices_below(folder):
    for file in list_files(folder).files:
        data = file.read()
        try:
            facts = reading.scan(data)
            indices = SliceSelection().indices(facts.num_slices) if facts.num_slices > 1 else [0]
            yield from map(PREPARED, reading.read(data, facts, indices))
        except RejectedImageError:
            continue


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(("folder", "count"), [("jpeg", 216), ("nifti", 544)])
def test_hardly_a_real_slice_is_refused(real, folder, count):
    """The measures and the margin were chosen while looking at these slices: on others more may be refused."""
    refused = [GATE.refusal(each) for name in CLASS_NAMES for each in slices_below(real / folder / name)]
    assert len(refused) >= count
    assert np.mean([bool(reason) for reason in refused]) < 0.01


@pytest.mark.real
@pytest.mark.parametrize("axis", [1, 2], ids=["coronal", "axial"])
def test_heads_cut_along_other_planes_pass(real, axis):
    """A limit, as for turned heads."""
    refused = []
    for file in sorted((real / "nifti").rglob("*.nii*")):
        image = nibabel.as_closest_canonical(nibabel.load(file))
        volume = np.asarray(image.dataobj, np.float32)
        spacing = tuple(float(size) for number, size in enumerate(image.header.get_zooms()) if number != axis)
        for share in (0.4, 0.5, 0.6):
            cut = volume.take(int(share * volume.shape[axis]), axis)
            refused.append(bool(GATE.refusal(PREPARED(Slice(cut, spacing=spacing)))))
    assert len(refused) >= 24
    assert np.mean(refused) < 0.1


def test_bounds_themselves_are_within(phantom):
    found = appearance(phantom[0])
    for name, value in found.items():
        assert InputGate({name: (value, value)}).refusal(phantom[0]) == ""
        for bounds in ((np.nextafter(value, 9), 9), (-9, np.nextafter(value, -9))):
            assert InputGate({name: bounds}).refusal(phantom[0]) == name


def test_bounds_are_percentiles_of_the_slices_with_a_fifth_of_the_range_at_each_end():
    rng = np.random.default_rng(4)
    slices = [noise(rng) for _ in range(20)] + [smooth_texture(rng) for _ in range(20)]
    rows = [appearance(each) for each in slices]
    for name, (low, high) in LEAST_RANGES.items():
        low = min(low, np.percentile([row[name] for row in rows], 0.5))
        high = max(high, np.percentile([row[name] for row in rows], 99.5))
        expected = low - 0.2 * (high - low), high + 0.2 * (high - low)
        assert InputGate.around(slices).bounds[name] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("kind", "measures"),
    [
        (noise, ["foreground_share", "edges", "grain"]),
        (drawing, ["greys"]),
        (almost_empty, ["greys"]),
        (lambda rng: rng.integers(0, 256, (SIDE, SIDE), np.uint8), ["greys"]),  # All greys alike often: too many.
    ],
    ids=["noise", "drawing", "almost empty", "all greys"],
)
def test_each_measure_refuses_by_itself_what_it_is_there_for(kind, measures):
    rng = np.random.default_rng(5)
    for picture in [kind(rng) for _ in range(10)]:
        assert {name for name in measures if InputGate({name: GATE.bounds[name]}).refusal(picture)} == set(measures)
